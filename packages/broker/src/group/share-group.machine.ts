/**
 * Share groups as Kafka's coordinator decides them, one event at a time. A member has its target as
 * soon as it gets the response: there are no states in between. Partitions that are new to the
 * group are assigned only after a state was made for them, which takes until a later heartbeat.
 *
 * | group  | when            | heartbeat of a member                        | of an unknown member   |
 * | ------ | --------------- | -------------------------------------------- | ---------------------- |
 * | Empty  | no members      | -                                            | joins with epoch 0     |
 * | Stable | it has members  | takes the epoch and its share of the target  | joins, or UNKNOWN_MEMBER_ID |
 * | Dead   | it was deleted  | -                                            | -                      |
 */

import { ErrorCode } from '@odradek/protocol'
import { hasSameKeys, type PartitionKey } from '../cluster/topic-partitions.ts'
import type { TopicImage } from '../cluster/topics-image.ts'
import { simple } from './assignors/simple.ts'
import { EMPTY_HEARTBEAT_ANSWER, type HeartbeatAnswer } from './heartbeat-answer.ts'
import type {
  Effect,
  Event,
  HeartbeatEvent,
  Member,
  State,
  Step,
  Surroundings,
} from './share-group.ts'

const JOIN_EPOCH = 0
const LEAVE_EPOCH = -1
const NO_EPOCH = -1
const NO_PARTITIONS: ReadonlySet<PartitionKey> = new Set()

export function transition(state: State, event: Event, surroundings: Surroundings): Step {
  switch (event.type) {
    case 'heartbeat':
      return event.memberEpoch === LEAVE_EPOCH
        ? leave(state, event)
        : heartbeat(state, event, surroundings)
    case 'sessionExpired':
      return state.members.has(event.memberId)
        ? changed(without(state, event.memberId), gone(event.memberId))
        : { state, effects: [] }
    case 'initialized':
      return initialize(state, surroundings)
    case 'loaded':
      return {
        state,
        effects: [...state.members.keys()].map((memberId) => session(memberId, surroundings)),
      }
    case 'deleted':
      return changed({ ...state, isDead: true }, [])
  }
}

function changed(state: State, effects: readonly Effect[]): Step {
  return { state, effects: [...effects, { do: 'persist', snapshot: state }] }
}

function without(state: State, memberId: string): State {
  const members = new Map(state.members)
  const target = new Map(state.target)
  members.delete(memberId)
  target.delete(memberId)
  return { ...state, members, target, groupEpoch: state.groupEpoch + 1 }
}

function gone(memberId: string): readonly Effect[] {
  return [
    { do: 'clearSession', memberId },
    { do: 'release', memberId },
  ]
}

function session(memberId: string, { limits }: Surroundings): Effect {
  return { do: 'setSession', memberId, afterMs: limits.sessionTimeoutMs }
}

function leave(state: State, { memberId, memberEpoch }: HeartbeatEvent): Step {
  if (!state.members.has(memberId)) return refusal(state, ErrorCode.UNKNOWN_MEMBER_ID, memberId)
  const answer: HeartbeatAnswer = { ...EMPTY_HEARTBEAT_ANSWER, memberId, memberEpoch }
  return changed(without(state, memberId), [...gone(memberId), { do: 'answer', answer }])
}

function heartbeat(state: State, event: HeartbeatEvent, surroundings: Surroundings): Step {
  const { memberId, memberEpoch } = event
  const { limits } = surroundings
  const known = state.members.get(memberId)
  if (known === undefined && state.members.size >= limits.maxSize) {
    return refusal(state, ErrorCode.GROUP_MAX_SIZE_REACHED, memberId)
  }
  if (known === undefined && memberEpoch !== JOIN_EPOCH) {
    return refusal(state, ErrorCode.UNKNOWN_MEMBER_ID, memberId)
  }
  const before = known ?? newMember(event)
  const isTimely =
    memberEpoch === JOIN_EPOCH ||
    memberEpoch === before.memberEpoch ||
    (memberEpoch < before.memberEpoch && memberEpoch === before.previousMemberEpoch)
  if (!isTimely) return refusal(state, ErrorCode.FENCED_MEMBER_EPOCH, memberId)
  const joined = withMember(state, before, event)
  const assigned = assign(refreshed(joined, surroundings), surroundings)
  const next = settle(assigned, memberId)
  const member = next.members.get(memberId) ?? before
  const hasAssignment =
    memberEpoch === JOIN_EPOCH ||
    event.subscribedTopicNames !== null ||
    !hasSameKeys(before.assigned, member.assigned)
  const answer: HeartbeatAnswer = {
    ...EMPTY_HEARTBEAT_ANSWER,
    memberId,
    memberEpoch: member.memberEpoch,
    heartbeatIntervalMs: limits.heartbeatIntervalMs,
    assignment: hasAssignment ? member.assigned : null,
  }
  const effects: Effect[] = [session(memberId, surroundings), { do: 'answer', answer }]
  if (wantedTopics(next, surroundings).some((topic) => isNew(next, topic))) {
    effects.push({ do: 'initialize' })
  }
  return next === state ? { state, effects } : changed(next, effects)
}

function newMember({ memberId, clientId, clientHost }: HeartbeatEvent): Member {
  return {
    memberId,
    rackId: null,
    clientId,
    clientHost,
    memberEpoch: 0,
    previousMemberEpoch: NO_EPOCH,
    subscribedTopicNames: [],
    assigned: NO_PARTITIONS,
  }
}

function wantedTopics({ members }: State, { topics }: Surroundings): readonly TopicImage[] {
  const names = [...members.values()].flatMap((member) => member.subscribedTopicNames)
  return [...new Set(names)].sort().flatMap((name) => topics.byName.get(name) ?? [])
}

function isNew({ initialized }: State, { id, partitions }: TopicImage): boolean {
  return partitions > (initialized.get(id) ?? 0)
}

/** What was new can be assigned from the next heartbeat on. */
function initialize(state: State, surroundings: Surroundings): Step {
  const topics = wantedTopics(state, surroundings)
  if (!topics.some((topic) => isNew(state, topic))) return { state, effects: [] }
  const initialized = new Map(state.initialized)
  for (const { id, partitions } of topics) initialized.set(id, partitions)
  return changed({ ...state, initialized, groupEpoch: state.groupEpoch + 1 }, [])
}

/** The group with the fields of a heartbeat; a new subscription makes a new epoch. */
function withMember(state: State, before: Member, event: HeartbeatEvent): State {
  const { rackId, clientId, clientHost, subscribedTopicNames } = event
  const names =
    subscribedTopicNames === null
      ? before.subscribedTopicNames
      : [...new Set(subscribedTopicNames)].sort()
  const hasNewNames = names.join() !== before.subscribedTopicNames.join()
  const isSame =
    state.members.get(before.memberId) === before &&
    !hasNewNames &&
    (rackId === null || rackId === before.rackId) &&
    clientId === before.clientId &&
    clientHost === before.clientHost
  if (isSame) return state
  const member: Member = {
    ...before,
    rackId: rackId ?? before.rackId,
    clientId,
    clientHost,
    subscribedTopicNames: names,
  }
  const isNewGroup = state.groupEpoch === 0
  return {
    ...state,
    members: new Map(state.members).set(member.memberId, member),
    groupEpoch: state.groupEpoch + (isNewGroup ? 1 : 0) + (hasNewNames ? 1 : 0),
  }
}

/** Topics that were created, deleted or extended make a new epoch too. */
function refreshed(state: State, surroundings: Surroundings): State {
  const { version } = surroundings.topics
  if (version === state.topicsVersion && state.groupEpoch === state.assignmentEpoch) return state
  const metadata = wantedTopics(state, surroundings)
    .map(({ name, id, partitions }) => `${name} ${id} ${partitions}`)
    .join(', ')
  const isNews = metadata !== state.metadata && state.groupEpoch === state.assignmentEpoch
  const groupEpoch = state.groupEpoch + (isNews ? 1 : 0)
  return { ...state, metadata, topicsVersion: version, groupEpoch }
}

function assign(state: State, { topics }: Surroundings): State {
  if (state.groupEpoch <= state.assignmentEpoch) return state
  const target = simple(
    [...state.members.values()].map(({ memberId, subscribedTopicNames }) => ({
      memberId,
      instanceId: null,
      topics: subscribedTopicNames.flatMap((name) => {
        const topic = topics.byName.get(name)
        const partitions = state.initialized.get(topic?.id ?? '') ?? 0
        return topic === undefined || partitions === 0 ? [] : [{ ...topic, partitions }]
      }),
      previous: state.target.get(memberId) ?? NO_PARTITIONS,
    })),
  )
  return { ...state, target, assignmentEpoch: state.groupEpoch }
}

/** Gives the member its target. */
function settle(state: State, memberId: string): State {
  const member = state.members.get(memberId)
  const assigned = state.target.get(memberId) ?? NO_PARTITIONS
  const { assignmentEpoch } = state
  if (member === undefined || member.memberEpoch === assignmentEpoch) return state
  const next: Member = {
    ...member,
    memberEpoch: assignmentEpoch,
    previousMemberEpoch: member.memberEpoch,
    assigned,
  }
  return { ...state, members: new Map(state.members).set(memberId, next) }
}

const TEXTS = new Map<number, (memberId: string) => string>([
  [ErrorCode.UNKNOWN_MEMBER_ID, (id) => `Member ${id} is not a member of the group.`],
  [ErrorCode.GROUP_MAX_SIZE_REACHED, () => 'The share group has reached its maximum capacity.'],
  [
    ErrorCode.FENCED_MEMBER_EPOCH,
    (id) => `The epoch of member ${id} is not the one known by the group coordinator.`,
  ],
])

function refusal(state: State, errorCode: number, memberId: string): Step {
  const errorMessage = TEXTS.get(errorCode)?.(memberId) ?? null
  return {
    state,
    effects: [{ do: 'answer', answer: { ...EMPTY_HEARTBEAT_ANSWER, errorCode, errorMessage } }],
  }
}
