/**
 * KIP-848 consumer groups as Kafka's coordinator decides them, one event at a time. Nobody waits:
 * every request is answered at once, and what a member is still to lose or to get it hears at its
 * next heartbeats.
 *
 * | member              | epoch        | what it has                      | moves on when                |
 * | ------------------- | ------------ | -------------------------------- | ---------------------------- |
 * | Stable              | the target's | all of its target                | the group has a newer target |
 * | UnrevokedPartitions | its old one  | what stays; the rest is pending  | it reports less, or is fenced |
 * | UnreleasedPartitions | the target's | its target but what others hold | those have let go            |
 *
 * | group       | when                                                   |
 * | ----------- | ------------------------------------------------------ |
 * | Empty       | nobody is in it                                        |
 * | Assigning   | the group epoch is ahead of the target's               |
 * | Reconciling | somebody is not Stable in the target's epoch           |
 * | Stable      | everybody is                                           |
 * | Dead        | it was deleted                                         |
 *
 * Unlike a classic group's, all of this is durable: each step that changed anything is persisted
 * before its answer is given, so a new coordinator goes on where the last one was; sessions alone
 * begin anew.
 */
import { refusedHeartbeat, type Refusal } from './heartbeat-answer.ts'
import { ErrorCode } from '@odradek/protocol'
import {
  handleClassicHeartbeat,
  handleClassicJoin,
  handleClassicLeave,
  handleClassicSync,
} from './classic-members.ts'
import { ConsumerDraft } from './consumer-draft.ts'
import type { Effect, Event, State, Step, Surroundings } from './consumer-group.ts'
import { handleHeartbeat } from './consumer-heartbeat.ts'

export function transition(state: State, event: Event, surroundings: Surroundings): Step {
  const draft = new ConsumerDraft(state, surroundings)
  const refusal = handle(draft, event)
  if (refusal !== undefined) {
    // A refused request leaves no trace but its answer, and a deadline for who has to rejoin.
    const deadlines = draft.effects.filter((effect) => effect.do === 'setTimer' && effect.keep)
    return { state, effects: [...deadlines, ...refusalOf(event, refusal)] }
  }
  const { migrationPolicy } = surroundings.limits
  const mayDowngrade = migrationPolicy === 'bidirectional' || migrationPolicy === 'downgrade'
  const hadOthers = [...state.members.values()].some((member) => member.classic === null)
  const isClassic = draft.size > 0 && draft.members.every((member) => member.classic !== null)
  // A dynamic member that only changes its protocol does not take the group with it.
  const isCause = event.type !== 'classicJoin' || event.groupInstanceId !== null
  const step = draft.seal()
  if (!mayDowngrade || !hadOthers || !isClassic || !isCause) return step
  // Who leaves takes no generation along: the others hear of a rebalance in the one they know.
  const generationId = event.type === 'classicJoin' ? draft.groupEpoch : state.groupEpoch
  return { ...step, effects: [...step.effects, { do: 'downgrade', generationId }] }
}

function handle(draft: ConsumerDraft, event: Event): Refusal | undefined {
  switch (event.type) {
    case 'heartbeat':
      return handleHeartbeat(draft, event)
    case 'classicJoin':
      return handleClassicJoin(draft, event)
    case 'classicSync':
      return handleClassicSync(draft, event)
    case 'classicHeartbeat':
      return handleClassicHeartbeat(draft, event)
    case 'classicLeave':
      handleClassicLeave(draft, event)
      return undefined
    case 'sessionExpired':
      if (draft.member(event.memberId) !== undefined) draft.remove(event.memberId)
      return undefined
    case 'rebalanceExpired':
    case 'syncExpired':
      if (draft.member(event.memberId)?.memberEpoch === event.memberEpoch) {
        draft.remove(event.memberId)
      }
      return undefined
    case 'joinExpired': {
      const member = draft.member(event.memberId)
      if (member !== undefined && member.classic !== null) draft.remove(event.memberId)
      return undefined
    }
    case 'resolutionDue':
      if (draft.resolvePatterns()) draft.refreshMetadata(true)
      return undefined
    case 'loaded':
      handleLoaded(draft)
      return undefined
    case 'deleted':
      draft.isDead = true
      return undefined
  }
}

function handleLoaded(draft: ConsumerDraft): void {
  const { sessionTimeoutMs } = draft.surroundings.limits
  for (const { memberId, memberEpoch, classic, state, rebalanceTimeoutMs } of draft.members) {
    draft.session(memberId, classic?.sessionTimeoutMs ?? sessionTimeoutMs)
    if (classic !== null || state !== 'UnrevokedPartitions') continue
    const timer = { name: 'rebalance', memberId, memberEpoch } as const
    draft.effects.push({ do: 'setTimer', timer, afterMs: rebalanceTimeoutMs, keep: false })
  }
}

function refusalOf(event: Event, refusal: Refusal): readonly Effect[] {
  const { errorCode } = refusal
  const unnamed = { errorCode, protocolType: null, protocolName: null }
  switch (event.type) {
    case 'heartbeat':
      return [{ do: 'answerHeartbeat', answer: refusedHeartbeat(refusal) }]
    case 'classicJoin': {
      const isNamed = errorCode === ErrorCode.MEMBER_ID_REQUIRED
      const memberId = isNamed ? event.newMemberId : event.memberId
      const nothing = { generationId: -1, leader: '', skipAssignment: false, members: [] }
      return [{ do: 'answerJoin', answer: { ...unnamed, ...nothing, memberId } }]
    }
    case 'classicSync':
      return [{ do: 'answerSync', answer: { ...unnamed, assignment: Buffer.alloc(0) } }]
    case 'classicHeartbeat':
      return [{ do: 'answerBeat', answer: errorCode }]
    default:
      return []
  }
}
