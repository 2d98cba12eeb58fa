/**
 * Groups under change: members join, leave, are killed, stopped, and restart under their static
 * names, while records flow through more partitions than there are members.
 */
import type { BrokerOptions } from '@odradek/broker'
import type { StartFrom } from 'odradek'
import type { Bounds } from '../checkers/index.ts'
import type { Chance } from '../plans/chance.ts'
import type { Scene } from '../plans/scene.ts'
import { Collector } from './collector.ts'
import { GroupCrew } from './crew.ts'
import { perform } from './performance.ts'
import { GROUP_TIMINGS, Reader, type ReaderOptions, STYLES } from './reader.ts'
import { type Stage, TIMINGS } from './stage.ts'
import type { Workload } from './workload.ts'

const SETTLE_MS = 35_000
const [MIN_MEMBERS, MAX_MEMBERS] = [3, 8]
const GROUP_ID = 'billing'
const RECORDS_PER_WRITER = 150
const BOUNDS: Bounds = {
  settleMs: SETTLE_MS,
  stallMs: 25_000,
  rebalancesPerChange: 2,
  repairMs: 15_000,
}

/** How large a group is, and how restless. */
export interface Temper {
  /** So many start, and at most so many live. */
  readonly members: readonly [min: number, max: number]
  readonly partitions: readonly [min: number, max: number]
  readonly writers: number
  /** How long members wait for records, ms, in place of what readers like. */
  readonly fetchMaxWaitMs?: readonly number[]
  /** Of a hundred groups so many have static members; `all` members are static then, or some. */
  readonly staticPercent: number
  readonly statics: 'some' | 'all'
  readonly changes: readonly [min: number, max: number]
  readonly longestPauseMs: number
  /** Of a hundred changes so many are joins of new members; of the rest so many are restarts. */
  readonly joinPercent: number
  readonly restartPercent: number
  /** What the group speaks: classic unless it is said. */
  readonly protocol?: 'classic' | 'consumer'
  /** Members collect records, store them and commit by themselves. */
  readonly collects?: boolean
  /** Some members, never the first, stop reading for a while; all of them start and remain. */
  readonly idles?: boolean
  /** Members begin at timestamps, or so long ago. */
  readonly beginsAtInstants?: boolean
}

/** The timings of KIP-848 groups are the brokers' own. */
const BROKER: BrokerOptions = {
  groupConsumerSessionTimeoutMs: GROUP_TIMINGS.sessionTimeoutMs,
  groupConsumerHeartbeatIntervalMs: GROUP_TIMINGS.heartbeatIntervalMs,
}

export const groups = groupWorkload(
  'groups',
  'members of a group come and go, dynamic and static ones',
  {
    ...{ members: [MIN_MEMBERS, MAX_MEMBERS], partitions: [6, 24], writers: 2 },
    ...{ staticPercent: 50, statics: 'some', changes: [1, 6], longestPauseMs: 6000 },
    ...{ joinPercent: 40, restartPercent: 50 },
  },
)

export const pods = groupWorkload('pods', 'static members restart, one soon after the other', {
  ...{ members: [MIN_MEMBERS, MAX_MEMBERS], partitions: [6, 24], writers: 2 },
  ...{ staticPercent: 100, statics: 'all', changes: [4, 12], longestPauseMs: 1500 },
  ...{ joinPercent: 20, restartPercent: 100 },
})

export const consumerGroups = groupWorkload(
  'consumer-groups',
  'members of a KIP-848 group come and go, dynamic and static ones',
  {
    ...{ members: [MIN_MEMBERS, MAX_MEMBERS], partitions: [6, 24], writers: 2 },
    ...{ staticPercent: 50, statics: 'some', changes: [1, 6], longestPauseMs: 6000 },
    ...{ joinPercent: 40, restartPercent: 50, protocol: 'consumer' },
  },
)

export const starts = groupWorkload(
  'starts',
  'members of a group begin at timestamps, or so long ago, and come and go',
  {
    ...{ members: [MIN_MEMBERS, MAX_MEMBERS], partitions: [6, 24], writers: 2 },
    ...{ staticPercent: 30, statics: 'some', changes: [2, 8], longestPauseMs: 5000 },
    ...{ joinPercent: 50, restartPercent: 70, beginsAtInstants: true },
  },
)

const COLLECTING: Temper = {
  ...{ members: [2, 5], partitions: [3, 12], writers: 2 },
  ...{ staticPercent: 30, statics: 'some', changes: [2, 8], longestPauseMs: 5000 },
  ...{ joinPercent: 40, restartPercent: 60, collects: true },
}

export const collectors = groupWorkload(
  'collectors',
  'members of a group collect records, store them, and commit by themselves',
  COLLECTING,
)

export const consumerCollectors = groupWorkload(
  'consumer-collectors',
  'members of a KIP-848 group collect records, store them, and commit by themselves',
  { ...COLLECTING, protocol: 'consumer' },
)

const IDLING: Temper = {
  ...{ members: [2, 5], partitions: [3, 12], writers: 2 },
  ...{ staticPercent: 0, statics: 'some', changes: [0, 3], longestPauseMs: 5000 },
  ...{ joinPercent: 0, restartPercent: 100, idles: true },
}

export const idlers = groupWorkload(
  'idlers',
  'some members of a group stop reading, and come back later',
  IDLING,
)

export const consumerIdlers = groupWorkload(
  'consumer-idlers',
  'some members of a KIP-848 group stop reading, and come back later',
  { ...IDLING, protocol: 'consumer' },
)

export function groupWorkload(
  name: string,
  text: string,
  temper: Temper,
  plan = 'churn',
): Workload {
  return {
    ...{ name, text, plan, profile: 'three', bounds: BOUNDS, broker: BROKER },
    cast: (chance, nodeIds) => cast(chance, nodeIds, temper),
    play: (stage, scene) => play(stage, scene, temper),
  }
}

function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`)
}

function cast(chance: Chance, nodeIds: readonly number[], temper: Temper): Scene {
  const partitions = chance.between(...temper.partitions)
  const topics: Record<string, number> = chance.percent(50)
    ? { orders: partitions }
    : { orders: Math.ceil(partitions / 2), payments: Math.floor(partitions / 2) }
  return {
    ...{ fromMs: 3000, toMs: 25_000, nodeIds, topics },
    members: numbered('member', temper.members[1]),
    writers: numbered('producer', temper.writers),
    records: RECORDS_PER_WRITER,
    groupId: GROUP_ID,
    groupProtocol: temper.protocol,
    // Where a group begins in a topic that was made anew is another matter than where it began.
    mayLoseTopics: temper.beginsAtInstants !== true,
    beginsAtInstants: temper.beginsAtInstants === true,
    sessionTimeoutMs: GROUP_TIMINGS.sessionTimeoutMs,
    requestTimeoutMs: TIMINGS.requestTimeoutMs,
  }
}

async function play(stage: Stage, scene: Scene, temper: Temper): Promise<void> {
  const { chance } = stage
  const { members } = scene
  const topics = Object.keys(scene.topics)
  const isStatic = chance.percent(temper.staticPercent)
  const statics = new Set(
    isStatic ? (temper.statics === 'all' ? members : chance.some(members)) : [],
  )
  const isEager = chance.percent(25)
  const starts = temper.beginsAtInstants === true ? startsOf(stage, members) : undefined
  const idlers = temper.idles === true ? idlersOf(members, chance) : undefined
  const firstStyle = idlers === undefined ? 0 : chance.between(0, STYLES.length - 1)
  const optionsOf = (member: string): ReaderOptions => ({
    topics,
    style: STYLES[(firstStyle + members.indexOf(member)) % STYLES.length] ?? 'records',
    workMs: 30,
    // Longer than a revocation waits.
    stuckMs: GROUP_TIMINGS.rebalanceTimeoutMs + 1000,
    ...(idlers?.has(member) === true ? IDLER : {}),
    ...plannedBy(temper, isEager),
    fetchMaxWaitMs: temper.fetchMaxWaitMs,
    startFrom: starts?.get(member),
    ...(statics.has(member) ? { groupInstanceId: `pod-${member}` } : {}),
  })
  const Kind = temper.collects === true ? Collector : Reader
  const make = (member: string) => new Kind(stage, member, GROUP_ID, optionsOf(member))
  const crew = new GroupCrew(stage, GROUP_ID, make)
  await perform(stage, scene, {
    crew,
    writing: { records: scene.records, pauseMs: 2500 },
    settleMs: SETTLE_MS + (idlers === undefined ? 0 : IDLE_PEACE_MS),
    lifeOfGroup: () => comeAndGo(stage, scene, crew, temper),
  })
}

/** They work fast, so that they leave when they stop, and not before. */
export const IDLER = { idles: true, workMs: 5, stuckMs: 1000 } as const
/** Until a group in which members have stopped reading has been at rest for long enough. */
export const IDLE_PEACE_MS = 45_000

/** The second member, and perhaps others; the first one always reads. */
export function idlersOf(members: readonly string[], chance: Chance): ReadonlySet<string> {
  const [, second, ...others] = members
  const more = others.length > 0 ? chance.some(others) : []
  return new Set(second === undefined ? more : [second, ...more])
}

const LATEST_START_MS = 12_000
const DURATIONS_MS = [0, 500, 3000, 10_000]

/** One kind for all of a group, another instant for each member. */
function startsOf(
  { chance, world }: Stage,
  members: readonly string[],
): ReadonlyMap<string, StartFrom> {
  const { clock } = world.process('director').environment
  const isTimestamp = chance.percent(50)
  return new Map(
    members.map((member) => [
      member,
      isTimestamp
        ? { timestamp: clock.now() + chance.between(0, LATEST_START_MS) }
        : { durationMs: chance.pick(DURATIONS_MS) },
    ]),
  )
}

/** Range plans move much at a time; a KIP-848 group is planned by its brokers. */
function plannedBy({ protocol = 'classic' }: Temper, isRange: boolean): Partial<ReaderOptions> {
  if (protocol === 'classic') return isRange ? { partitionAssignors: ['range'] } : {}
  return { groupProtocol: protocol, ...(isRange ? { groupRemoteAssignor: 'range' } : {}) }
}

/** Some start together, as after a deployment; then one after the other joins, leaves, restarts. */
async function comeAndGo(
  stage: Stage,
  scene: Scene,
  crew: GroupCrew,
  temper: Temper,
): Promise<void> {
  const { world, chance } = stage
  for (const member of scene.members.slice(0, chance.between(...temper.members))) {
    if (chance.percent(50)) await world.sleep(chance.between(0, 1500))
    crew.start(member)
  }
  const changes = chance.between(...temper.changes)
  for (let change = 0; change < changes; change++) {
    await world.sleep(chance.between(10, temper.longestPauseMs))
    if (world.now > scene.toMs) break
    const absent = scene.members.filter((member) => crew.isAbsent(member))
    if (crew.living.length + absent.length === 0) continue
    const member = chance.pick(crew.living.length > 0 ? crew.living : absent)
    if (chance.percent(temper.joinPercent) && absent.length > 0) crew.start(chance.pick(absent))
    else if (chance.percent(temper.restartPercent)) await restart(stage, crew, member)
    else if (crew.living.length > 1) await crew.close(member)
  }
}

/** A pod that is replaced: gone in order, and back a moment (or longer) later. */
async function restart({ world, chance }: Stage, crew: GroupCrew, member: string): Promise<void> {
  await crew.close(member)
  await world.sleep(chance.between(10, 3000))
  crew.start(member)
}
