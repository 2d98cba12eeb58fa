/** A share group: members of every style come and go, and records are handed out one by one. */
import type { BrokerOptions } from '@odradek/broker'
import { apis } from 'odradek'
import type { Bounds } from '../checkers/index.ts'
import type { Chance } from '../plans/chance.ts'
import type { Scene } from '../plans/scene.ts'
import { GroupCrew } from './crew.ts'
import { IDLE_PEACE_MS, IDLER, idlersOf } from './groups.ts'
import { perform } from './performance.ts'
import { GROUP_TIMINGS } from './reader.ts'
import { ShareFinale } from './share-finale.ts'
import { SHARE_STYLES, ShareReader } from './share-reader.ts'
import { type Stage, TIMINGS } from './stage.ts'
import type { Workload } from './workload.ts'

const GROUP_ID = 'sharers'
const GROUP_RESOURCE = 32
const MEMBERS = ['member-1', 'member-2', 'member-3', 'member-4', 'member-5', 'member-6']
const SETTLE_MS = 35_000
const RECORDS_PER_WRITER = 150
const LOCK_MS = 3500

const BOUNDS: Bounds = {
  settleMs: SETTLE_MS,
  stallMs: 25_000,
  // Partitions that the group reads for the first time make a generation of their own.
  rebalancesPerChange: 2,
  repairMs: 15_000,
}

const BROKER: BrokerOptions = {
  groupShareSessionTimeoutMs: GROUP_TIMINGS.sessionTimeoutMs,
  groupShareHeartbeatIntervalMs: GROUP_TIMINGS.heartbeatIntervalMs,
  groupShareRecordLockDurationMs: LOCK_MS,
}

const SETUP = { plan: 'churn', profile: 'three', bounds: BOUNDS, broker: BROKER, cast } as const

export const shareGroup: Workload = {
  name: 'share-group',
  text: 'members of a share group come and go, and settle records one by one',
  ...SETUP,
  play: (stage, scene) => play(stage, scene),
}

export const shareIdlers: Workload = {
  name: 'share-idlers',
  text: 'some members of a share group stop reading, and come back later',
  ...SETUP,
  play: (stage, scene) => play(stage, scene, idlersOf(scene.members, stage.chance)),
}

function cast(chance: Chance, nodeIds: readonly number[]): Scene {
  return {
    ...{ fromMs: 2000, toMs: 20_000, nodeIds, members: MEMBERS.slice(0, chance.between(2, 6)) },
    writers: ['producer-1', 'producer-2'],
    groupId: GROUP_ID,
    groupProtocol: 'share',
    topics: chance.percent(50)
      ? { orders: chance.between(1, 4) }
      : { orders: chance.between(1, 2), payments: chance.between(1, 2) },
    records: RECORDS_PER_WRITER,
    sessionTimeoutMs: GROUP_TIMINGS.sessionTimeoutMs,
    requestTimeoutMs: TIMINGS.requestTimeoutMs,
  }
}

async function play(
  stage: Stage,
  scene: Scene,
  idlers: ReadonlySet<string> = new Set(),
): Promise<void> {
  await beginAtTheStart(stage)
  const first = stage.chance.between(0, SHARE_STYLES.length - 1)
  const make = (member: string) =>
    new ShareReader(stage, member, GROUP_ID, {
      topics: Object.keys(scene.topics),
      style: SHARE_STYLES[(first + MEMBERS.indexOf(member)) % SHARE_STYLES.length] ?? 'loop',
      workMs: 30,
      // Longer than a lock holds.
      stuckMs: LOCK_MS * 2,
      ...(idlers.has(member) ? IDLER : {}),
    })
  const crew = new GroupCrew(stage, GROUP_ID, make)
  await perform(stage, scene, {
    crew,
    writing: { records: scene.records, pauseMs: 2000 },
    settleMs: SETTLE_MS + (idlers.size > 0 ? IDLE_PEACE_MS : 0),
    lifeOfGroup: () => comeAndGo(stage, scene, crew),
    ending: new ShareFinale(stage, scene),
  })
}

/** Share groups begin at the end unless the cluster is told otherwise. */
async function beginAtTheStart(stage: Stage): Promise<void> {
  const client = stage.client('setup')
  const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName: GROUP_ID, configs }]
  await client.kafka.request(
    apis.IncrementalAlterConfigs,
    { resources, validateOnly: false },
    { returnErrors: true },
  )
  await stage.close(client)
}

async function comeAndGo(stage: Stage, scene: Scene, crew: GroupCrew): Promise<void> {
  const { world, chance } = stage
  for (const member of scene.members) {
    if (chance.percent(50)) await world.sleep(chance.between(0, 1500))
    crew.start(member)
  }
  for (let change = chance.between(0, 4); change > 0; change--) {
    await world.sleep(chance.between(10, 5000))
    if (world.now > scene.toMs) return
    if (crew.living.length === 0) continue
    const member = chance.pick(crew.living)
    await crew.close(member)
    await world.sleep(chance.between(10, 3000))
    crew.start(member)
  }
}
