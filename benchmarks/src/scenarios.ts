/** What is measured: one table each. */
import type { ScenarioId } from './clients.ts'
import type { Job } from './worker/job.ts'

export interface Scenario {
  readonly id: string
  readonly title: string
  readonly kind: Job['kind']
  /** Whose variants of a client it takes. */
  readonly ways: ScenarioId
  /** Records per record of `--records`. */
  readonly share: number
  /** How the records to read are compressed. */
  readonly compressionType: 'none' | 'lz4' | 'zstd'
  /** Part of a run without `--scenario`. */
  readonly isDefault: boolean
}

export const PARTITIONS = 8
export const VALUE_BYTES = 100
export const BATCH_BYTES = 65_536
export const CONCURRENT_SENDS = 500
/** The part of the records that a process does beforehand, to be warm. */
export const WARMUP_SHARE = 0.2

const consume = { kind: 'consume', ways: 'consume-batch', share: 1, isDefault: true } as const

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'produce',
    title: 'Produce, acks=all',
    kind: 'produce',
    ways: 'produce',
    share: 1,
    compressionType: 'none',
    isDefault: true,
  },
  {
    ...consume,
    id: 'consume-batch',
    title: 'Consume in a group, by batch',
    compressionType: 'none',
  },
  {
    ...consume,
    id: 'consume-each',
    ways: 'consume-each',
    title: 'Consume in a group, record by record',
    compressionType: 'none',
  },
  {
    id: 'send',
    title: `${CONCURRENT_SENDS} concurrent awaited sends of one record, acks=all`,
    kind: 'send',
    ways: 'send',
    share: 0.2,
    compressionType: 'none',
    isDefault: true,
  },
  {
    ...consume,
    id: 'consume-lz4',
    title: 'Consume in a group, by batch, lz4',
    compressionType: 'lz4',
    isDefault: false,
  },
  {
    ...consume,
    id: 'consume-zstd',
    title: 'Consume in a group, by batch, zstd',
    compressionType: 'zstd',
    isDefault: false,
  },
]
