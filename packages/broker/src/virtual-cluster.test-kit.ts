/** A cluster in a virtual world, one process per broker, and the requests that tests send most. */
import { VirtualWorld } from '@odradek/environment'
import {
  ErrorCode,
  fetch,
  joinGroup,
  metadata,
  produce,
  RecordBatchBuilder,
  type RequestInput,
  readRecordBatches,
  syncGroup,
} from '@odradek/protocol'
import type { EmbeddedCluster } from './embedded-cluster.ts'
import type { BrokerOptions } from './options/broker-options.ts'
import { RawClient, type RawClientOptions } from './raw-client.test-kit.ts'
import { startBroker } from './start-broker.ts'

export const PORT = 9092

export interface VirtualCluster {
  readonly world: VirtualWorld
  readonly cluster: EmbeddedCluster
  /** A client in a process of its own. */
  readonly connect: (nodeId?: number, options?: RawClientOptions) => Promise<RawClient>
}

/** Runs a scenario in virtual time; it must end within an hour of it. */
export async function inVirtualWorld(
  options: BrokerOptions,
  scenario: (world: VirtualCluster) => Promise<void>,
  seed = 1,
): Promise<VirtualWorld> {
  const world = new VirtualWorld({ seed })
  await world.run(
    async () => {
      const cluster = await startBroker(
        {
          host: (nodeId) => `broker-${nodeId}`,
          port: Array(options.brokers ?? 1).fill(PORT),
          ...options,
        },
        {
          environment: world.process('controller').environment,
          environmentOf: (nodeId) => world.process(`broker-${nodeId}`).environment,
        },
      )
      const client = world.process('client')
      await scenario({
        world,
        cluster,
        connect: (nodeId = 1, clientOptions = {}) =>
          RawClient.connect(client.environment, `broker-${nodeId}:${PORT}`, clientOptions),
      })
      await cluster.close()
    },
    { timeoutMs: 3_600_000 },
  )
  return world
}

export interface BatchOptions {
  readonly values?: readonly string[]
  readonly timestamp?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
}

export function batchOf(options: BatchOptions = {}): Buffer {
  const { values = ['value'], timestamp = 1000 } = options
  const builder = new RecordBatchBuilder(1024)
  values.forEach((value, index) => {
    builder.append(timestamp + index, null, Buffer.from(value))
  })
  const { producerId = -1n, producerEpoch = -1, baseSequence = -1 } = options
  return builder.build({ stamp: { producerId, producerEpoch, baseSequence } })
}

export function produceBody(
  records: Buffer,
  { topic = 'orders', partition = 0, acks = -1 } = {},
): RequestInput<typeof produce> {
  return {
    acks,
    timeoutMs: 1000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  }
}

/** Produces one batch and returns the response for its partition. */
export async function send(client: RawClient, options: BatchOptions = {}, partition = 0) {
  const { responses } = await client.request(
    produce,
    9,
    produceBody(batchOf(options), { partition }),
  )
  const [answer] = responses[0]?.partitionResponses ?? []
  if (answer === undefined) throw new Error('no answer for the partition')
  return answer
}

export function fetchBody(
  fetchOffset: number,
  more: Partial<RequestInput<typeof fetch>> = {},
  partition: Partial<RequestInput<typeof fetch>['topics'][number]['partitions'][number]> = {},
): RequestInput<typeof fetch> {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    sessionEpoch: -1,
    topics: [
      {
        topic: 'orders',
        partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000, ...partition }],
      },
    ],
    forgottenTopicsData: [],
    ...more,
  }
}

export function joinBody(
  more: Partial<RequestInput<typeof joinGroup>> = {},
): RequestInput<typeof joinGroup> {
  return {
    groupId: 'group',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('subscription') }],
    ...more,
  }
}

/** Joins with the two steps of KIP-394, and syncs with an empty assignment when leading. */
export async function join(client: RawClient, more: Partial<RequestInput<typeof joinGroup>> = {}) {
  const first = await client.request(joinGroup, 9, joinBody(more))
  if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first
  return client.request(joinGroup, 9, joinBody({ ...more, memberId: first.memberId }))
}

export async function sync(
  client: RawClient,
  { memberId, generationId, members }: Awaited<ReturnType<typeof join>>,
) {
  return client.request(syncGroup, 5, {
    groupId: 'group',
    generationId,
    memberId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: members.map((member) => ({
      memberId: member.memberId,
      assignment: Buffer.from(`share of ${member.memberId}`),
    })),
  })
}

export async function topicIdOf(client: RawClient, topic = 'orders'): Promise<string> {
  const { topics } = await client.request(metadata, 12, { topics: [{ name: topic }] })
  return topics[0]?.topicId ?? ''
}

/** The values of the records of a fetch response. */
export const valuesOf = (records: Buffer | null): readonly string[] => {
  const values: string[] = []
  for (const batch of readRecordBatches(records ?? Buffer.alloc(0))) {
    for (const cursor = batch.records(); cursor.next(); ) values.push(String(cursor.value))
  }
  return values
}

/** Fetches and returns the response for the first partition. */
export async function read(client: RawClient, ...more: Parameters<typeof fetchBody>) {
  const { responses } = await client.request(fetch, 12, fetchBody(...more))
  const [answer] = responses[0]?.partitions ?? []
  if (answer === undefined) throw new Error('no answer for the partition')
  return answer
}
