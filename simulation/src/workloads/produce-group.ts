/** Producers write while a group of three, each reading in another way, reads. */
import type { Chance } from '../plans/chance.ts'
import type { Scene } from '../plans/scene.ts'
import { GroupCrew } from './crew.ts'
import { perform } from './performance.ts'
import { GROUP_TIMINGS, Reader, type ReaderOptions, type Style, STYLES } from './reader.ts'
import { type Stage, TIMINGS } from './stage.ts'
import type { Workload } from './workload.ts'

const SETTLE_MS = 35_000
const RECORDS_PER_WRITER = 150
const MEMBERS = STYLES.map((_, index) => `member-${index + 1}`)
const LONGEST_WAIT_MS = 1500

export const produceGroup: Workload = {
  name: 'produce-group',
  text: 'several producers, and a group of three: record by record, in batches, by handlers',
  plan: 'restart',
  profile: 'three',
  bounds: {
    settleMs: SETTLE_MS,
    stallMs: 15_000,
    rebalancesPerChange: 2,
    repairMs: 15_000,
  },

  cast(chance: Chance, nodeIds: readonly number[]): Scene {
    const writers = Array.from({ length: chance.between(2, 3) }, (_, at) => `producer-${at + 1}`)
    return {
      ...{ fromMs: 1000, toMs: 14_000, nodeIds },
      ...{ members: MEMBERS, writers },
      groupId: 'billing',
      topics: { orders: chance.between(3, 7) },
      mayLoseTopics: true,
      records: RECORDS_PER_WRITER,
      sessionTimeoutMs: GROUP_TIMINGS.sessionTimeoutMs,
      requestTimeoutMs: TIMINGS.requestTimeoutMs,
    }
  },

  async play(stage: Stage, scene: Scene): Promise<void> {
    const { world, chance } = stage
    const topics = Object.keys(scene.topics)
    const optionsOf = (member: string): ReaderOptions => ({
      topics,
      // Every member of the list has its style.
      style: STYLES[MEMBERS.indexOf(member)] as Style,
      workMs: 30,
      stuckMs: 3000,
    })
    const make = (member: string) => new Reader(stage, member, scene.groupId, optionsOf(member))
    const crew = new GroupCrew(stage, scene.groupId, make)
    await perform(stage, scene, {
      crew,
      writing: { records: scene.records, pauseMs: 1500 },
      settleMs: SETTLE_MS,
      lifeOfGroup: async () => {
        for (const member of scene.members) {
          await world.sleep(chance.between(0, LONGEST_WAIT_MS))
          crew.start(member)
        }
      },
    })
  },
}
