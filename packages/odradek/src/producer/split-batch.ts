/** A batch that is too large for the broker becomes two; its callers notice nothing. */
import { readRecordBatches } from '@odradek/protocol'
import { Batch, type Delivery } from './batch.ts'

export function splitBatch(batch: Batch): readonly [Batch, Batch] {
  const bytes = batch.bytes ?? Buffer.alloc(0)
  const half = Math.ceil(batch.recordCount / 2)
  const { topic, partition, createdAt } = batch
  const first = new Batch(topic, partition, createdAt, bytes.length)
  const second = new Batch(topic, partition, createdAt, bytes.length)
  for (const whole of readRecordBatches(bytes, { checkCrcs: false })) {
    const cursor = whole.records()
    for (let index = 0; cursor.next(); index++) {
      const target = index < half ? first : second
      const headers = [...cursor.headers].map(({ key, value }) => [key, value] as const)
      target.builder?.append(cursor.timestamp, cursor.key, cursor.value, headers)
      target.recordCount++
    }
  }
  Promise.all([first.done, second.done]).then(
    ([a, b]: [Delivery, Delivery]) =>
      batch.resolve({
        offsetOf: (index) => (index < half ? a.offsetOf(index) : b.offsetOf(index - half)),
        logAppendTimeMs: a.logAppendTimeMs,
      }),
    (error: Parameters<Batch['reject']>[0]) => batch.reject(error, 'unknown'),
  )
  return [first, second]
}
