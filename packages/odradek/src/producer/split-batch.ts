/**
 * A batch that is too large for the broker becomes two; its callers notice nothing. The halves take
 * over the whole batch's sequence numbers, so that what was sent after it stays valid.
 */
import { RecordBatchBuilder, readRecordBatches } from '@odradek/protocol'
import { Batch } from './batch.ts'
import { advanceSequence } from './produce-reaction.ts'

export function splitBatch(batch: Batch): readonly [Batch, Batch] {
  const bytes = batch.bytes ?? Buffer.alloc(0)
  const { queue, createdAt, ordinal } = batch
  const span = batch.ordinalSpan / 2
  const halves = [
    new Batch(queue, createdAt, ordinal, span),
    new Batch(queue, createdAt, ordinal + span, span),
  ] as const
  const builders = [new RecordBatchBuilder(bytes.length), new RecordBatchBuilder(bytes.length)]
  const half = Math.ceil(batch.recordCount / 2)
  for (const whole of readRecordBatches(bytes, { checkCrcs: false })) {
    const cursor = whole.records()
    for (let index = 0; cursor.next(); index++) {
      const at = index < half ? 0 : 1
      const headers = [...cursor.headers].map(({ key, value }) => [key, value] as const)
      builders[at]?.append(cursor.timestamp, cursor.key, cursor.value, headers)
      halves[at].recordCount++
    }
  }
  const [first, second] = halves
  for (const [at, one] of halves.entries()) {
    one.builder = builders[at]
    one.attempts = batch.attempts
    one.lastLeader = batch.lastLeader
    one.lastError = batch.lastError
    one.isOutcomeUnknown = batch.isOutcomeUnknown
    one.unknownSince = batch.unknownSince
    one.mayBeWrittenAsWhole = batch.isOutcomeUnknown || batch.mayBeWrittenAsWhole
  }
  if (batch.baseSequence >= 0) {
    first.baseSequence = batch.baseSequence
    second.baseSequence = advanceSequence(batch.baseSequence, first.recordCount)
  }
  batch.halves = halves
  return halves
}
