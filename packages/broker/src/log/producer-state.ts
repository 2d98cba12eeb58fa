/**
 * What a partition remembers of its idempotent producers: per producer id the epoch and the last
 * five batches. A batch that is among them is a retry and is answered as it was the first time; one
 * that does not follow the last is out of order. A producer that the partition does not know may
 * begin with any sequence (its state may have been deleted), which is why modern brokers never
 * answer UNKNOWN_PRODUCER_ID.
 */
import { ErrorCode } from '@odradek/protocol'
import type { BatchHeader } from './batch-header.ts'

const REMEMBERED_BATCHES = 5
const SEQUENCES = 0x8000_0000

export interface WrittenBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly logAppendTime: number
}

interface ProducerEntry {
  epoch: number
  batches: WrittenBatch[]
}

export type SequenceVerdict =
  | { readonly kind: 'next' }
  | { readonly kind: 'duplicate'; readonly written: WrittenBatch }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly message: string }

const NEXT: SequenceVerdict = { kind: 'next' }

/** Sequences wrap from 2^31 - 1 to 0. */
export function lastSequenceOf(baseSequence: number, recordCount: number): number {
  return (baseSequence + recordCount - 1) % SEQUENCES
}

export class ProducerStates {
  readonly #entries = new Map<bigint, ProducerEntry>()

  check(header: BatchHeader): SequenceVerdict {
    const { producerId, producerEpoch, baseSequence, recordCount } = header
    const entry = this.#entries.get(producerId)
    if (producerId < 0n || entry === undefined) return NEXT
    if (producerEpoch < entry.epoch) {
      return {
        kind: 'refused',
        errorCode: ErrorCode.INVALID_PRODUCER_EPOCH,
        message: `Epoch ${producerEpoch} of producer ${producerId} is older than ${entry.epoch}.`,
      }
    }
    if (producerEpoch > entry.epoch) {
      if (baseSequence === 0) return NEXT
      return outOfOrder(`a new epoch begins at sequence 0, not at ${baseSequence}`)
    }
    const lastSequence = lastSequenceOf(baseSequence, recordCount)
    for (const written of entry.batches) {
      if (written.firstSequence === baseSequence && written.lastSequence === lastSequence) {
        return { kind: 'duplicate', written }
      }
    }
    const last = entry.batches.at(-1)
    if (last === undefined) return NEXT
    const expected = (last.lastSequence + 1) % SEQUENCES
    if (baseSequence === expected) return NEXT
    return outOfOrder(`sequence ${baseSequence} of producer ${producerId} is not ${expected}`)
  }

  remember(header: BatchHeader, baseOffset: number, logAppendTime: number): void {
    const { producerId, producerEpoch, baseSequence, recordCount } = header
    if (producerId < 0n) return
    let entry = this.#entries.get(producerId)
    if (entry === undefined || entry.epoch !== producerEpoch) {
      entry = { epoch: producerEpoch, batches: [] }
      this.#entries.set(producerId, entry)
    }
    entry.batches.push({
      firstSequence: baseSequence,
      lastSequence: lastSequenceOf(baseSequence, recordCount),
      baseOffset,
      logAppendTime,
    })
    if (entry.batches.length > REMEMBERED_BATCHES) entry.batches.shift()
  }

  clear(): void {
    this.#entries.clear()
  }
}

function outOfOrder(why: string): SequenceVerdict {
  return {
    kind: 'refused',
    errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    message: `Out of order: ${why}.`,
  }
}
