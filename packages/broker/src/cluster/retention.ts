/**
 * Retention of records: from the start of a log, batches are removed that are older than
 * `retention.ms`, or that exceed `retention.bytes` together with the newer ones. Kafka removes
 * whole segments; here every batch is one. It acts on topics that set one of the two, and on no
 * others: a test whose records carry timestamps of long ago keeps them.
 */
import type { Partition } from './partition.ts'
import type { Topic } from './topics.ts'

const UNLIMITED = -1

export function hasRetention({ configs }: Topic): boolean {
  if (!configs.get('cleanup.policy').split(',').includes('delete')) return false
  return ['retention.ms', 'retention.bytes'].some(
    (name) => configs.isSet(name) && configs.number(name) !== UNLIMITED,
  )
}

/** The log start offset after retention. */
export function retainedFrom({ configs }: Topic, { log }: Partition, now: number): number {
  const limitOf = (name: string): number => (configs.isSet(name) ? configs.number(name) : UNLIMITED)
  const [retentionMs, retentionBytes] = [limitOf('retention.ms'), limitOf('retention.bytes')]
  let size = 0
  for (const { bytes } of log.batches) size += bytes.length
  let from = log.logStartOffset
  for (const { bytes, maxTimestamp, lastOffset } of log.batches) {
    const isOld = retentionMs !== UNLIMITED && now - maxTimestamp > retentionMs
    const isTooMuch = retentionBytes !== UNLIMITED && size - bytes.length >= retentionBytes
    if (!isOld && !isTooMuch) break
    size -= bytes.length
    from = lastOffset + 1
  }
  return from
}
