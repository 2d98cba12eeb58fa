/** Members of groups under KIP-848, on a real Kafka: what scenarios need to watch them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { apis, type ClientEvents, type Consumer, type Kafka, KafkaError } from 'odradek'
import type { Scenario } from './clusters.ts'

const GROUP_RESOURCE = 32
const SET = 0

/** Short timings for one group, as an administrator sets them. */
export async function setTimings(kafka: Kafka, groupId: string): Promise<void> {
  const configs = { 'consumer.session.timeout.ms': '3000', 'consumer.heartbeat.interval.ms': '500' }
  const { responses } = await kafka.request(
    apis.IncrementalAlterConfigs,
    {
      resources: [
        {
          resourceType: GROUP_RESOURCE,
          resourceName: groupId,
          configs: Object.entries(configs).map(([name, value]) => ({
            ...{ name, value },
            configOperation: SET,
          })),
        },
      ],
      validateOnly: false,
    },
    { returnErrors: true },
  )
  for (const { errorCode, errorMessage } of responses) {
    if (errorCode !== 0) throw new Error(`${errorCode} ${errorMessage}`)
  }
  // A broker acts by what its controller has decided a moment later, and a member asks once.
  while (!(await tellsAll(kafka, groupId, configs))) await sleep(50)
}

async function tellsAll(
  kafka: Kafka,
  resourceName: string,
  configs: Readonly<Record<string, string>>,
): Promise<boolean> {
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName, configurationKeys: null }]
  const { results } = await kafka.request(
    apis.DescribeConfigs,
    { resources },
    { returnErrors: true },
  )
  const told = new Map(results[0]?.configs.map(({ name, value }) => [name, value]))
  return Object.entries(configs).every(([name, value]) => told.get(name) === value)
}

type Options = Parameters<Kafka['consumer']>[0]

/** A member that reads all the time, and what it has seen of its group. */
export class Reader {
  readonly consumer: Consumer
  readonly values: string[] = []
  readonly rebalances: ClientEvents['rebalanced'][] = []
  readonly revoked: string[] = []
  readonly lost: string[] = []
  readonly fenced: string[] = []
  readonly errors: unknown[] = []
  readonly done: Promise<void>

  constructor(kafka: Kafka, options: Omit<Options, 'startFrom'>) {
    const names = (partitions: readonly { partition: number }[]): string[] =>
      partitions.map(({ partition }) => String(partition)).sort()
    this.consumer = kafka.consumer({
      startFrom: 'earliest',
      groupProtocol: 'consumer',
      ...options,
      onRevoked: async (partitions) => {
        this.revoked.push(names(partitions).join())
        await options.onRevoked?.(partitions)
      },
      onLost: (partitions) => void this.lost.push(names(partitions).join()),
    }) as Consumer
    this.consumer.on('rebalanced', (event) => this.rebalances.push(event))
    this.consumer.on('fenced', ({ reason }) => this.fenced.push(reason))
    this.done = this.#read().catch((error: unknown) => void this.errors.push(error))
  }

  async #read(): Promise<void> {
    for await (const record of this.consumer) this.values.push(String(record.value))
  }

  get count(): number {
    return this.consumer.assigned.length
  }

  async close(group?: 'leave' | 'remain'): Promise<void> {
    await this.consumer.close({ group })
    await this.done
  }
}

/** Waits until it is so; the test's own deadline ends it otherwise. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20)
}

export const counts = (...readers: readonly Reader[]): string =>
  readers
    .map(({ count }) => count)
    .sort((a, b) => b - a)
    .join()

export async function send(it: Scenario, topic: string, from: number, to: number): Promise<void> {
  await using producer = it.client().producer()
  const records = Array.from({ length: to - from }, (_, index) => ({ value: String(from + index) }))
  await producer.send(topic, records)
}

/** How often each value was read by any of them. */
export function seen(...readers: readonly Reader[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const value of readers.flatMap(({ values }) => values)) {
    times.set(value, (times.get(value) ?? 0) + 1)
  }
  return times
}

/** By the coordinator's word: `consumer`, `classic`, or undefined without one. */
export async function typeOf(kafka: Kafka, groupId: string): Promise<string | undefined> {
  const { groups } = await coordinated(kafka, groupId, async (nodeId) =>
    kafka.request(
      apis.ListGroups,
      { statesFilter: [], typesFilter: [] },
      { returnErrors: true, nodeId },
    ),
  )
  return groups.find((group) => group.groupId === groupId)?.groupType.toLowerCase()
}

export async function coordinated<T>(
  kafka: Kafka,
  groupId: string,
  ask: (nodeId: number) => Promise<T>,
): Promise<T> {
  for (;;) {
    const body = { keyType: 0, coordinatorKeys: [groupId] }
    // One attempt: the broker that is asked may be the one that is being stopped.
    const answer = await kafka
      .request(apis.FindCoordinator, body, { returnErrors: true })
      .catch(unlessItMayPass)
    const found = answer?.coordinators[0]
    if (found !== undefined && found.errorCode === 0) return ask(found.nodeId)
    await sleep(100)
  }
}

function unlessItMayPass(error: unknown): undefined {
  if (!(error instanceof KafkaError && error.retriable)) throw error
}
