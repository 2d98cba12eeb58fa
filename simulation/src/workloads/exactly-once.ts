/**
 * Consume, process, produce: a group of copiers, each with transactions of its own, and at the end
 * a reader who sees what is committed of what they wrote.
 */
import type { BrokerOptions } from '@odradek/broker'
import type { Bounds } from '../checkers/index.ts'
import type { Chance } from '../plans/chance.ts'
import type { Scene } from '../plans/scene.ts'
import { Copier, copiedId } from './copier.ts'
import { GroupCrew } from './crew.ts'
import { perform } from './performance.ts'
import { GROUP_TIMINGS } from './reader.ts'
import { type Stage, TIMINGS } from './stage.ts'
import type { Workload } from './workload.ts'

const SETTLE_MS = 35_000
const RECORDS_PER_WRITER = 120
const MEMBERS = ['member-1', 'member-2', 'member-3', 'member-4']
const OUTPUT = 'copies'
const OUTPUT_PARTITIONS = 3
const TRANSACTION_TIMEOUT_MS = 10_000
const READING_MS = 30_000

const BOUNDS: Bounds = {
  settleMs: SETTLE_MS,
  // A transaction that nobody ends is aborted after its timeout, and by a scan.
  stallMs: 40_000,
  rebalancesPerChange: 2,
  repairMs: 15_000,
}
/** Markers take their time, as they do where logs are replicated. */
const BROKER: BrokerOptions = { transactionMarkersMs: 15 }

export const exactlyOnce: Workload = {
  name: 'exactly-once',
  text: 'a group copies records from topic to topic in transactions',
  ...{ plan: 'churn', profile: 'three', bounds: BOUNDS, broker: BROKER, cast, play },
}

/** Before KIP-890, where a transaction learns of its partitions by a request of their own. */
export const exactlyOnceBefore4: Workload = {
  name: 'exactly-once-before-4',
  text: 'the same with the transactions of Kafka 3',
  ...{ plan: 'churn', profile: 'three', bounds: BOUNDS, cast, play },
  broker: { ...BROKER, features: { 'transaction.version': 1 } },
}

function cast(chance: Chance, nodeIds: readonly number[]): Scene {
  return {
    ...{ fromMs: 2000, toMs: 20_000, nodeIds, members: MEMBERS },
    writers: ['producer-1', 'producer-2'],
    groupId: 'copiers',
    topics: { orders: chance.between(2, 6) },
    hasTransactions: true,
    records: RECORDS_PER_WRITER,
    sessionTimeoutMs: GROUP_TIMINGS.sessionTimeoutMs,
    requestTimeoutMs: TIMINGS.requestTimeoutMs,
  }
}

async function play(stage: Stage, scene: Scene): Promise<void> {
  const { world, chance } = stage
  await createOutput(stage)
  const options = {
    from: Object.keys(scene.topics),
    to: OUTPUT,
    partitions: OUTPUT_PARTITIONS,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
  }
  const make = (member: string) => new Copier(stage, member, scene.groupId, options)
  const crew = new GroupCrew(stage, scene.groupId, make)
  await perform(stage, scene, {
    crew,
    writing: { records: scene.records, pauseMs: 2000 },
    settleMs: SETTLE_MS,
    lifeOfGroup: async () => {
      for (const member of scene.members) {
        await world.sleep(chance.between(0, 1500))
        crew.start(member)
      }
    },
    epilogue: () => writeDownCopies(stage),
  })
}

async function createOutput(stage: Stage): Promise<void> {
  const client = stage.client('setup')
  await client.kafka.admin().createTopics({ [OUTPUT]: { partitions: OUTPUT_PARTITIONS } })
  await stage.close(client)
}

/** Reads what is committed, to its end. */
async function writeDownCopies(stage: Stage): Promise<void> {
  const client = stage.client('reader')
  const { kafka } = client
  const admin = kafka.admin()
  const listed = await admin.listOffsets({ [OUTPUT]: 'latest' })
  const ends = (listed.get(OUTPUT) ?? []).map(({ offset }) => offset ?? 0)
  const consumer = kafka.consumer({
    partitions: ends.map((_, partition) => ({ topic: OUTPUT, partition })),
    startFrom: 'earliest',
    isolationLevel: 'read_committed',
  })
  const reading = consumer.run(({ topic, partition, offset, value }) => {
    stage.history.add({ type: 'copied', topic, partition, offset, id: copiedId(value) })
  })
  await stage.until(
    () => ends.every((end, partition) => end === 0 || positionOf(partition) >= end),
    READING_MS,
  )
  await stage.close(client)
  await reading

  function positionOf(partition: number): number {
    const isAssigned = consumer.assigned.some((one) => one.partition === partition)
    return isAssigned ? (consumer.position({ topic: OUTPUT, partition }) ?? 0) : 0
  }
}
