/**
 * Events that may meet a state of the KIP-848 membership machine, for tests that explore it: of
 * each kind what is current, and what comes late.
 */
import { BrokerError, ErrorCode } from '@odradek/protocol'
import { ConnectionError } from '../../errors/errors.ts'
import type { Event, State, TargetPartition } from './membership-consumer.states.ts'

export const SAMPLE_TOPICS: readonly (readonly string[])[] = [['orders'], ['orders', 'bills']]

const P0: TargetPartition = { topicId: 'id-of-orders', partition: 0, topic: 'orders' }
const P1: TargetPartition = { topicId: 'id-of-orders', partition: 1, topic: 'orders' }
const NONE: TargetPartition = { topicId: 'id-of-orders', partition: -1, topic: 'orders' }
/** Its topic has no name yet. */
const U0: TargetPartition = { topicId: 'id-of-bills', partition: 0, topic: undefined }
const TARGETS: readonly (readonly TargetPartition[] | null)[] = [
  null,
  [],
  [P0],
  [P0, P1, P1, NONE],
  [P1, U0],
]

const HEARTBEAT_ERRORS = [
  new BrokerError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
  new BrokerError(ErrorCode.NOT_COORDINATOR),
  new BrokerError(ErrorCode.UNKNOWN_MEMBER_ID),
  new BrokerError(ErrorCode.FENCED_MEMBER_EPOCH),
  new BrokerError(ErrorCode.UNRELEASED_INSTANCE_ID),
  new BrokerError(ErrorCode.FENCED_INSTANCE_ID),
  new BrokerError(ErrorCode.TOPIC_AUTHORIZATION_FAILED),
  new BrokerError(ErrorCode.GROUP_ID_NOT_FOUND),
  new BrokerError(ErrorCode.UNSUPPORTED_ASSIGNOR),
  new BrokerError(9999),
  new ConnectionError('The connection broke.', 'established'),
]
const MEMBER_ERRORS = [
  new BrokerError(ErrorCode.STALE_MEMBER_EPOCH),
  new BrokerError(ErrorCode.UNKNOWN_MEMBER_ID),
  new BrokerError(ErrorCode.NOT_COORDINATOR),
  new BrokerError(ErrorCode.FENCED_INSTANCE_ID),
  new BrokerError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
]

/** What may happen in this state, in answer to what it is about. */
export function sampleEvents(state: State): readonly Event[] {
  const member = 'member' in state ? state.member : undefined
  const epoch = member?.epoch ?? 0
  return [
    ...answersTo({
      ticket: member?.beat.ticket ?? 1,
      hookTicket: member?.hookTicket ?? 1,
      memberEpoch: epoch,
      memberId: member?.memberId ?? 'm',
    }),
    { type: 'takenBack', memberEpoch: undefined },
    { type: 'takenBack', memberEpoch: (epoch % 2) + 1 },
    ...ANY_TIME,
  ]
}

const ANY_TIME: readonly Event[] = [
  { type: 'started' },
  ...SAMPLE_TOPICS.map((topics): Event => ({ type: 'topicsChanged', topics })),
  { type: 'beatDue' },
  { type: 'checkWanted' },
  { type: 'namesLearned', names: new Map([['id-of-bills', 'bills']]) },
  { type: 'sessionExpired', chance: 0.5 },
  { type: 'restRequested', tellsGroup: true, reason: 'user code does not come back' },
  { type: 'leaveRequested', tellsGroup: true },
  { type: 'leaveRequested', tellsGroup: false },
  { type: 'leaveSettled' },
]

/** Answers to what was asked before the latest question, or in an older epoch's name. */
export function lateEvents(state: State): readonly Event[] {
  const member = 'member' in state ? state.member : undefined
  return answersTo({
    ticket: (member?.beat.ticket ?? 1) - 1,
    hookTicket: (member?.hookTicket ?? 1) - 1,
    memberEpoch: (member?.epoch ?? 0) + 7,
    memberId: 'of-old',
  })
}

interface Asked {
  readonly ticket: number
  readonly hookTicket: number
  readonly memberEpoch: number
  readonly memberId: string
}

function answersTo({ ticket, hookTicket, memberEpoch, memberId }: Asked): readonly Event[] {
  const chance = 0.5
  // The numbers go round, so that exploring comes to an end; no epoch is -1.
  const epochs = [(Math.max(0, memberEpoch) % 2) + 1, memberEpoch, -1]
  return [
    { type: 'hookSettled', ticket: hookTicket },
    ...epochs.flatMap((epoch) =>
      TARGETS.map((assignment): Event => {
        const heartbeatIntervalMs = epoch < 0 ? -1 : 5000
        return {
          type: 'answered',
          memberEpoch: epoch,
          ...{ ticket, heartbeatIntervalMs, assignment, chance },
        }
      }),
    ),
    ...HEARTBEAT_ERRORS.map((error): Event => {
      return { type: 'refused', ticket, error, hasWaitedForSession: false, chance }
    }),
    {
      type: 'refused',
      error: new BrokerError(ErrorCode.UNRELEASED_INSTANCE_ID),
      ...{ ticket, hasWaitedForSession: true, chance },
    },
    ...MEMBER_ERRORS.map((error): Event => {
      return { type: 'memberRefused', memberId, memberEpoch, error, chance }
    }),
  ]
}
