/** Who is measured, and in which ways: a client may have several ways to do the same thing. */
import type { Job } from './worker/job.ts'

export type ScenarioId = 'produce' | 'consume-batch' | 'consume-each' | 'send'

export interface Client {
  readonly id: string
  readonly name: string
  readonly runtime: 'node' | 'go'
  /** The worker's program: a module below `benchmarks/`, or the name of a Go program in peers. */
  readonly program: string
  readonly isPeer: boolean
  /** The least Node it runs on; on an older one it is measured on `FALLBACK_NODE` instead. */
  readonly nodeFloor?: Readonly<Record<number, string>>
  readonly variants: Readonly<Record<ScenarioId, readonly Variant[]>>
  /** Codecs that it can read, besides none. */
  readonly codecs: readonly string[]
}

export interface Variant {
  readonly id: Job['variant']
  /** How the table calls it. */
  readonly label: string
}

const way = (id: string, label = id): Variant => ({ id, label })

export const CLIENTS: readonly Client[] = [
  {
    id: 'odradek',
    name: 'Odradek',
    runtime: 'node',
    program: 'dist/odradek.js',
    isPeer: false,
    variants: {
      produce: [way('write', 'write()'), way('send', 'send(1000 records)')],
      'consume-batch': [way('batches', 'batches()')],
      'consume-each': [way('iterate', 'for await'), way('run', 'run()')],
      send: [way('send', 'send(record)')],
    },
    codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
  },
  {
    id: 'kafkajs',
    name: 'KafkaJS',
    runtime: 'node',
    program: 'peers/kafkajs.js',
    isPeer: true,
    variants: {
      produce: [way('send', 'send(1000 messages)')],
      'consume-batch': [way('eachBatch')],
      'consume-each': [way('eachMessage')],
      send: [way('send', 'send(message), not idempotent')],
    },
    codecs: ['gzip'],
  },
  {
    id: 'platformatic',
    name: '@platformatic/kafka',
    runtime: 'node',
    program: 'peers/platformatic.js',
    isPeer: true,
    nodeFloor: { 22: '22.22.0', 24: '24.6.0' },
    variants: {
      produce: [way('send', 'send(1000 messages)')],
      'consume-batch': [],
      'consume-each': [way('data', "on('data')"), way('iterate', 'for await')],
      send: [way('send', 'send(message), not idempotent')],
    },
    codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
  },
  {
    id: 'kafka-ts',
    name: 'kafka-ts',
    runtime: 'node',
    program: 'peers/kafka-ts.js',
    isPeer: true,
    variants: {
      produce: [way('send', 'send(1000 messages)')],
      'consume-batch': [way('onBatch')],
      'consume-each': [],
      send: [way('send', 'send(message)')],
    },
    codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
  },
  {
    id: 'franz-go',
    name: 'franz-go',
    runtime: 'go',
    program: 'franz-go',
    isPeer: true,
    variants: {
      produce: [way('produce', 'Produce')],
      'consume-batch': [way('poll', 'PollFetches')],
      'consume-each': [way('poll', 'PollFetches')],
      send: [way('sync', 'ProduceSync')],
    },
    codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
  },
]

/** The Node for clients that refuse the one that was asked for. */
export const FALLBACK_NODE = '24'
