/** Producers write while a group of three, each reading in another way, reads. */
import type { Chance } from '../plans/chance.ts'
import type { Scene } from '../plans/plan.ts'
import { GroupCrew } from './crew.ts'
import { Finale } from './finale.ts'
import type { ReaderOptions, Style } from './reader.ts'
import { type Stage, TIMINGS } from './stage.ts'
import type { Workload } from './workload.ts'
import { Writer } from './writer.ts'

const SESSION_TIMEOUT_MS = 10_000
const REBALANCE_TIMEOUT_MS = 12_000
const SETTLE_MS = 30_000
const RECORDS_PER_WRITER = 150
const STYLES: readonly Style[] = ['records', 'batches', 'run']
const MEMBERS = STYLES.map((_, index) => `member-${index + 1}`)
const GROUP_ID = 'billing'

export const produceGroup: Workload = {
  name: 'produce-group',
  text: 'several producers, and a group of three: record by record, in batches, and by handlers',
  plan: 'restart',
  profile: 'three',
  bounds: {
    settleMs: SETTLE_MS,
    stallMs: 15_000,
    rebalancesPerChange: 2,
    noticeMs: 4000,
    repairMs: 15_000,
  },

  cast(chance: Chance, nodeIds: readonly number[]): Scene {
    const writers = Array.from({ length: chance.between(2, 3) }, (_, at) => `producer-${at + 1}`)
    return {
      ...{ fromMs: 1000, toMs: 14_000, nodeIds },
      members: MEMBERS,
      clients: [...MEMBERS, ...writers],
      groupId: GROUP_ID,
      topics: { orders: chance.between(3, 7) },
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      requestTimeoutMs: TIMINGS.requestTimeoutMs,
    }
  },

  async play(stage: Stage, scene: Scene): Promise<void> {
    const { world, chance } = stage
    const topics = Object.keys(scene.topics)
    const crew = new GroupCrew(stage, (member) => readerOptions(scene, member))
    const faultsEnd = stage.begin(crew)
    const writers = scene.clients
      .filter((name) => !scene.members.includes(name))
      .map(
        (name) => new Writer(stage, name, { topics, records: RECORDS_PER_WRITER, pauseMs: 1500 }),
      )
    const written = Promise.all(writers.map((writer) => writer.write()))
    for (const member of scene.members) {
      await world.sleep(chance.between(0, 1500))
      crew.start(member)
    }
    await world.sleep(Math.max(0, scene.toMs + 3000 - world.now))
    for (const writer of writers) writer.stop()
    await written
    await world.sleep(Math.max(0, faultsEnd - world.now))
    await Promise.all(writers.map((writer) => writer.close()))
    const finale = new Finale(stage, scene)
    await finale.drain(SETTLE_MS * 2)
    // Long enough after the last disturbance for the group to be judged.
    await world.sleep(Math.max(1000, faultsEnd + SETTLE_MS + 5000 - world.now))
    await crew.closeAll()
    await finale.writeDownLag()
  },
}

function readerOptions({ groupId, topics, members }: Scene, member: string): ReaderOptions {
  return {
    groupId,
    topics: Object.keys(topics),
    // Every member of the list has its style.
    style: STYLES[members.indexOf(member)] as Style,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    heartbeatIntervalMs: 2000,
    rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
    workMs: 30,
  }
}
