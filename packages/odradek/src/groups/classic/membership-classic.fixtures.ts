/**
 * Events that may meet a state of the classic membership machine, for tests that explore it: of
 * each kind what is current, and what comes late.
 */
import { BrokerError, ErrorCode } from '@odradek/protocol'
import { ConnectionError } from '../../errors/errors.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { Event, Generation, Member, State } from './membership-classic.states.ts'

export const SAMPLE_TOPICS: readonly (readonly string[])[] = [['orders'], ['orders', 'bills']]

const P0: TopicPartition = { topic: 'orders', partition: 0 }
const P1: TopicPartition = { topic: 'orders', partition: 1 }
const B0: TopicPartition = { topic: 'bills', partition: 0 }
const SHARES: readonly (readonly TopicPartition[])[] = [[], [P0], [P0, P1], [P1, B0]]

const JOIN_ERRORS = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.MEMBER_ID_REQUIRED,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  ErrorCode.UNRELEASED_INSTANCE_ID,
].map((errorCode) => new BrokerError(errorCode))
const SYNC_ERRORS = [
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.FENCED_INSTANCE_ID,
].map((errorCode) => new BrokerError(errorCode))
const MEMBER_ERRORS = [
  ...SYNC_ERRORS,
  new BrokerError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
  new BrokerError(ErrorCode.GROUP_AUTHORIZATION_FAILED),
  new ConnectionError('The connection broke.', 'established'),
]

/** What may happen in this state, in answer to what it is about. */
export function sampleEvents(state: State): readonly Event[] {
  return [...eventsFor('member' in state ? state.member : undefined), ...ANY_TIME]
}

const ANY_TIME: readonly Event[] = [
  { type: 'started' },
  ...SAMPLE_TOPICS.map((topics): Event => ({ type: 'topicsChanged', topics })),
  { type: 'rejoinRequested', reason: 'a topic grew' },
  { type: 'leaveRequested', tellsGroup: true, reason: 'closing' },
  { type: 'leaveRequested', tellsGroup: false, reason: 'closing' },
  { type: 'restRequested', tellsGroup: true, reason: 'a record was held for too long' },
  { type: 'leaveSettled' },
]

function eventsFor(member: Member | undefined): readonly Event[] {
  const ticket = member?.ticket ?? 1
  const memberId = member?.memberId ?? ''
  const { generationId } = member?.generation ?? { generationId: -1 }
  return answersTo({ ticket, memberId, generationId })
}

/** Answers to what was asked before the latest question, or in an older generation's name. */
export function lateEvents(state: State): readonly Event[] {
  const member = 'member' in state ? state.member : undefined
  const ticket = (member?.ticket ?? 1) - 1
  const generationId = (member?.generation.generationId ?? 0) - 1
  return answersTo({ ticket, memberId: 'of-old', generationId: Math.max(0, generationId) })
}

interface Asked {
  readonly ticket: number
  readonly memberId: string
  readonly generationId: number
}

function answersTo({ ticket, memberId, generationId }: Asked): readonly Event[] {
  const chance = 0.5
  const given = memberId === '' ? 'member-1' : memberId
  const unsettledMs = 1000
  return [
    { type: 'hookSettled', ticket },
    { type: 'pauseOver', ticket },
    ...generationsAfter(generationId).map(
      (generation): Event => ({ type: 'joinAnswered', ticket, memberId: given, generation }),
    ),
    ...JOIN_ERRORS.map((error): Event => {
      return { type: 'joinRefused', ticket, error, memberId: given, unsettledMs, chance }
    }),
    { type: 'planned', ticket },
    { type: 'planFailed', ticket, error: new BrokerError(-1) },
    ...SHARES.map((partitions): Event => ({ type: 'syncAnswered', ticket, partitions })),
    ...SYNC_ERRORS.map((error): Event => ({ type: 'syncRefused', ticket, error, chance })),
    ...MEMBER_ERRORS.map((error): Event => {
      return { type: 'memberRefused', memberId, generationId, error, chance }
    }),
    { type: 'memberAcknowledged', memberId, generationId, chance },
    { type: 'sessionExpired', generationId, chance },
  ]
}

/** Of each kind one; the numbers go round, so that exploring comes to an end. */
function generationsAfter(generationId: number): readonly Generation[] {
  const next = (Math.max(0, generationId) % 3) + 1
  const cooperative = { protocolName: 'cooperative-sticky', isCooperative: true }
  const eager = { protocolName: 'range', isCooperative: false }
  return [
    { generationId: next, ...cooperative, isLeader: true },
    { generationId: next, ...cooperative, isLeader: false },
    { generationId: next, ...eager, isLeader: true },
    { generationId: next, ...eager, isLeader: false },
  ]
}
