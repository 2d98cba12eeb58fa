/** Kinds of misfortune: each makes a few faults of one kind, at times and for lengths by chance. */
import type { Chance } from './chance.ts'
import type { Fault } from './fault.ts'
import type { Scene } from './scene.ts'

export function moment(chance: Chance, { fromMs, toMs }: Scene): number {
  return chance.between(fromMs, toMs)
}

/** Mostly short, sometimes long enough to cost a session. */
function length(chance: Chance, { sessionTimeoutMs }: Scene): number {
  return chance.percent(70)
    ? chance.between(50, Math.trunc(sessionTimeoutMs / 2))
    : chance.between(sessionTimeoutMs, sessionTimeoutMs * 2)
}

export function times<T>(count: number, make: () => T): T[] {
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

/** Every broker in turn, as when a cluster is upgraded. */
export function rollingRestart(chance: Chance, scene: Scene): readonly Fault[] {
  const downMs = chance.between(200, 3000)
  const pauseMs = chance.between(0, 2000)
  return scene.nodeIds.map(
    (nodeId, index): Fault => ({
      kind: 'brokerRestart',
      atMs: scene.fromMs + index * (downMs + pauseMs),
      forMs: downMs,
      nodeId,
    }),
  )
}

function somePartition(chance: Chance, scene: Scene): { topic: string; partition: number } {
  const [topic, partitionCount] = chance.pick(Object.entries(scene.topics))
  return { topic, partition: chance.between(0, partitionCount - 1) }
}

export function truncations(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 4),
    (): Fault => ({
      kind: 'truncation',
      atMs: moment(chance, scene),
      ...somePartition(chance, scene),
      records: chance.between(1, 20),
    }),
  )
}

export function expiries(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 6),
    (): Fault => ({
      kind: 'expiry',
      atMs: moment(chance, scene),
      ...somePartition(chance, scene),
      keep: chance.pick([0, 1, 5, 20]),
    }),
  )
}

/** Nobody waits, or somebody looks around first, or does it by hand on the next day. */
const ABSENCES_MS = [0, 0, 50, 500, 3000, 15_000, 120_000]

/** Of those workloads whose topics may go. */
export function topicRecreations(chance: Chance, scene: Scene): readonly Fault[] {
  if (scene.mayLoseTopics !== true) return []
  return times(chance.between(1, 2), (): Fault => {
    const [topic, before] = chance.pick(Object.entries(scene.topics))
    const forMs = chance.pick(ABSENCES_MS)
    const partitions = chance.percent(50) ? before : chance.between(1, before + 2)
    return { kind: 'topicRecreation', atMs: moment(chance, scene), forMs, topic, partitions }
  })
}

export function topicGrowth(chance: Chance, scene: Scene): readonly Fault[] {
  return times(
    chance.between(1, 2),
    (): Fault => ({
      kind: 'topicGrowth',
      atMs: moment(chance, scene),
      topic: chance.pick(Object.keys(scene.topics)),
      more: chance.between(1, 3),
    }),
  )
}
