/** Kinds of misfortune: each makes a few faults of one kind, at times and for lengths by chance. */
import type { Chance } from './chance.ts'
import type { Fault, FaultOf } from './fault.ts'
import type { Scene } from './plan.ts'

function moment(chance: Chance, { fromMs, toMs }: Scene): number {
  return chance.between(fromMs, toMs)
}

/** Mostly short, sometimes long enough to cost a session. */
function length(chance: Chance, { sessionTimeoutMs }: Scene): number {
  return chance.percent(70)
    ? chance.between(50, Math.trunc(sessionTimeoutMs / 2))
    : chance.between(sessionTimeoutMs, sessionTimeoutMs * 2)
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make).sort((a, b) => atOf(a) - atOf(b))
}

function atOf(fault: unknown): number {
  return (fault as Fault).atMs
}

export function brokerRestart(chance: Chance, scene: Scene): readonly Fault[] {
  const nodeId = chance.pick(scene.nodeIds)
  const forMs = chance.between(100, 8000)
  return [{ kind: 'brokerRestart', atMs: moment(chance, scene), forMs, nodeId }]
}

export function brokerKill(chance: Chance, scene: Scene): readonly Fault[] {
  const nodeId = chance.pick(scene.nodeIds)
  const silently = chance.percent(40)
  const forMs = chance.between(100, 12_000)
  return [{ kind: 'brokerKill', atMs: moment(chance, scene), forMs, nodeId, silently }]
}

export function brokerPauses(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 3),
    (): Fault => ({
      kind: 'brokerPause',
      atMs: moment(chance, scene),
      forMs: chance.between(100, 9000),
      nodeId: chance.pick(scene.nodeIds),
    }),
  )
}

export function connectionLosses(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(2, 8),
    (): Fault => ({
      kind: 'connectionLoss',
      atMs: moment(chance, scene),
      how: chance.pick(['reset', 'reset', 'swallow', 'halfOpen']),
      client: chance.pick([...scene.members, ...scene.writers]),
      nodeId: chance.pick(scene.nodeIds),
    }),
  )
}

export function partitions(chance: Chance, scene: Scene): readonly Fault[] {
  return times(chance.between(1, 3), () => ({
    client: chance.pick([...scene.members, ...scene.writers]),
    atMs: moment(chance, scene),
    forMs: length(chance, scene),
    direction: chance.pick(['both', 'toBroker', 'fromBroker'] as const),
    nodeIds: chance.some(scene.nodeIds),
  })).flatMap(({ nodeIds, ...cut }) =>
    nodeIds.map((nodeId): Fault => ({ kind: 'partition', ...cut, nodeId })),
  )
}

export function memberKills(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 2),
    (): Fault => ({
      kind: 'memberKill',
      atMs: moment(chance, scene),
      forMs: chance.between(10, scene.sessionTimeoutMs + 4000),
      member: chance.pick(scene.members),
      silently: chance.percent(40),
    }),
  )
}

export function memberPauses(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 2),
    (): Fault => ({
      kind: 'memberPause',
      atMs: moment(chance, scene),
      forMs: length(chance, scene),
      member: chance.pick(scene.members),
    }),
  )
}

export function blocks(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 3),
    (): Fault => ({
      kind: 'loopBlock',
      atMs: moment(chance, scene),
      forMs: length(chance, scene),
      client: chance.pick([...scene.members, ...scene.writers]),
    }),
  )
}

const HOUR_MS = 3_600_000

export function clockSkews(chance: Chance, scene: Scene): readonly Fault[] {
  return times(chance.between(1, 4), (): Fault => {
    const clock = chance.pick(['wall', 'wall', 'monotonic'] as const)
    const byMs = clock === 'wall' ? chance.between(-HOUR_MS, HOUR_MS) : length(chance, scene)
    const client = chance.pick([...scene.members, ...scene.writers])
    return { kind: 'clockSkew', atMs: moment(chance, scene), client, clock, byMs }
  })
}

export function coordinatorMoves(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 3),
    (): Fault => ({
      kind: 'coordinatorMove',
      atMs: moment(chance, scene),
      groupId: scene.groupId,
      nodeId: chance.pick(scene.nodeIds),
    }),
  )
}

export function leaderMoves(chance: Chance, scene: Scene): readonly Fault[] {
  return times(chance.between(1, 5), (): Fault => {
    const [topic, partitionCount] = chance.pick(Object.entries(scene.topics))
    const partition = chance.between(0, partitionCount - 1)
    const nodeId = chance.pick(scene.nodeIds)
    return { kind: 'leaderMove', atMs: moment(chance, scene), topic, partition, nodeId }
  })
}

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
    const [api, errors] = chance.pick(
      Object.entries(ERRORS) as [keyof typeof ERRORS, (typeof ERRORS)[keyof typeof ERRORS]][],
    )
    const answers: readonly Answer[] = [
      { error: chance.pick<(typeof errors)[number]>(errors) },
      { error: chance.pick<(typeof errors)[number]>(errors) },
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
