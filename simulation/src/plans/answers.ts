/** Brokers that answer, and not as one would like: with errors, late, slowly, or never. */
import type { ApiName, ErrorName } from '@odradek/broker'
import type { Chance } from './chance.ts'
import type { Fault, FaultOf } from './fault.ts'
import { moment, times } from './misfortunes.ts'
import type { Scene } from './scene.ts'

/** What a broker may answer in good faith, by what was asked. */
const ERRORS = {
  Produce: ['NOT_LEADER_OR_FOLLOWER', 'NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
  Fetch: ['NOT_LEADER_OR_FOLLOWER', 'OFFSET_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR'],
  Metadata: ['LEADER_NOT_AVAILABLE'],
  FindCoordinator: ['COORDINATOR_NOT_AVAILABLE'],
  JoinGroup: ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'],
  SyncGroup: ['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'],
  Heartbeat: ['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'],
  OffsetCommit: ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT'],
  OffsetFetch: ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'UNSTABLE_OFFSET_COMMIT'],
  InitProducerId: ['COORDINATOR_LOAD_IN_PROGRESS', 'CONCURRENT_TRANSACTIONS'],
  ListOffsets: ['NOT_LEADER_OR_FOLLOWER', 'OFFSET_NOT_AVAILABLE'],
  LeaveGroup: ['COORDINATOR_NOT_AVAILABLE'],
} as const

const {
  JoinGroup: _join,
  SyncGroup: _sync,
  Heartbeat: _beat,
  LeaveGroup: _leave,
  ...EITHER
} = ERRORS

/** KIP-848: one request in place of those four. */
const CONSUMER_ERRORS = {
  ...EITHER,
  ConsumerGroupHeartbeat: [
    ...['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'],
    ...['FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID'],
  ],
} as const

const {
  Fetch: _fetch,
  OffsetCommit: _commit,
  OffsetFetch: _offsets,
  ListOffsets: _list,
  ...REST
} = EITHER

/** KIP-932: members have sessions with brokers, and tell leaders what becomes of records. */
const SHARE_ERRORS = {
  ...REST,
  ShareGroupHeartbeat: CONSUMER_ERRORS.ConsumerGroupHeartbeat,
  ShareFetch: ['SHARE_SESSION_NOT_FOUND', 'INVALID_SHARE_SESSION_EPOCH', 'UNKNOWN_SERVER_ERROR'],
  ShareAcknowledge: [
    ...['SHARE_SESSION_NOT_FOUND', 'INVALID_SHARE_SESSION_EPOCH', 'UNKNOWN_SERVER_ERROR'],
  ],
} as const

/** What a group's members ask for, by what it speaks. */
const ERRORS_OF = { classic: ERRORS, consumer: CONSUMER_ERRORS, share: SHARE_ERRORS } as const

/** What holds a group together. */
const VITAL = {
  classic: ['Heartbeat', 'OffsetCommit'],
  consumer: ['ConsumerGroupHeartbeat', 'OffsetCommit'],
  share: ['ShareGroupHeartbeat', 'ShareAcknowledge', 'ShareFetch'],
} as const

/** What transactional producers ask for beside. */
const TRANSACTION_ERRORS = {
  AddPartitionsToTxn: ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS'],
  AddOffsetsToTxn: ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR'],
  TxnOffsetCommit: ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'UNKNOWN_MEMBER_ID'],
  EndTxn: ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'],
} as const

/**
 * A commit may be applied so late that nobody waits for it any more; until a request timeout after
 * its connection died the client counts on that, longer it cannot (semantics S2).
 */
function longestDelay(api: string, { sessionTimeoutMs, requestTimeoutMs }: Scene): number {
  return api === 'OffsetCommit' ? requestTimeoutMs : 2 * sessionTimeoutMs
}

type Answer = Pick<FaultOf<'brokerAnswers'>, 'error' | 'delayMs' | 'disconnect' | 'dropAnswer'>

export function answerFaults(chance: Chance, scene: Scene): readonly Fault[] {
  return times(chance.between(2, 6), (): Fault => {
    const ofGroups = ERRORS_OF[scene.groupProtocol ?? 'classic']
    const known = scene.hasTransactions ? { ...ofGroups, ...TRANSACTION_ERRORS } : ofGroups
    const [api, errors] = chance.pick(Object.entries(known) as [ApiName, readonly ErrorName[]][])
    const answers: readonly Answer[] = [
      { error: chance.pick(errors) },
      { error: chance.pick(errors) },
      { delayMs: chance.between(10, longestDelay(api, scene)) },
      { disconnect: chance.pick(['before', 'after'] as const) },
      { dropAnswer: true },
    ]
    return {
      kind: 'brokerAnswers',
      atMs: moment(chance, scene),
      forMs: chance.between(500, 10_000),
      api,
      nodeId: chance.percent(50) ? chance.pick(scene.nodeIds) : undefined,
      times: chance.between(1, 6),
      ...chance.pick(answers),
    }
  })
}

/** What is lost of all things are the small messages that hold a group together. */
export function silences(chance: Chance, scene: Scene): readonly Fault[] {
  const vital: readonly ApiName[] = VITAL[scene.groupProtocol ?? 'classic']
  const silent: readonly Answer[] = [{ dropAnswer: true }, { disconnect: 'after' }]
  return times(
    chance.between(2, 5),
    (): Fault => ({
      kind: 'brokerAnswers',
      atMs: moment(chance, scene),
      forMs: chance.between(1000, scene.sessionTimeoutMs),
      api: chance.pick(vital),
      nodeId: undefined,
      times: chance.between(1, 8),
      ...chance.pick([...silent, { disconnect: 'before' } as const]),
    }),
  )
}

const SLOW_APIS = [undefined, 'Produce', 'Fetch', 'OffsetCommit'] as const
const SLOW_SHARE_APIS = [undefined, 'Produce', 'ShareFetch', 'ShareAcknowledge'] as const

export function slowBrokers(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 2),
    (): Fault => ({
      kind: 'brokerSlow',
      atMs: moment(chance, scene),
      forMs: chance.between(1000, 12_000),
      nodeId: chance.pick(scene.nodeIds),
      api: chance.pick(scene.groupProtocol === 'share' ? SLOW_SHARE_APIS : SLOW_APIS),
      delayMs: chance.pick([50, 300, 1500, Math.trunc(scene.requestTimeoutMs / 2)]),
    }),
  )
}

export function throttling(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 3),
    (): Fault => ({
      kind: 'throttling',
      atMs: moment(chance, scene),
      forMs: chance.between(500, 5000),
      nodeId: chance.pick(scene.nodeIds),
      throttleTimeMs: chance.between(100, 4000),
      times: chance.between(1, 20),
    }),
  )
}
