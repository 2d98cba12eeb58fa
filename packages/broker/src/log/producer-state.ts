/**
 * What a partition remembers of its idempotent producers: per producer id the epoch and the last
 * five batches; the marker of a transaction may bring a newer epoch. A batch that is among them is
 * a retry and gets the same response as the first time; one that does not follow the last is out of
 * order. A producer that the partition does not know may start with any sequence (its state may
 * have been deleted), which is why modern brokers never return UNKNOWN_PRODUCER_ID.
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
  lastTimestamp: number
  /** Of the last marker; -1 when there was none. */
  coordinatorEpoch: number
}

export interface ProducerView {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** -1 if this epoch has written no batch. */
  readonly lastSequence: number
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
}

/** What is known of a marker before it is written. */
export interface MarkerCheck {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  /** From 2 on every transaction has an epoch of its own (KIP-890, KIP-1228). */
  readonly transactionVersion: number
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
    // An epoch that only a marker has used has not begun.
    const expected = last === undefined ? 0 : (last.lastSequence + 1) % SEQUENCES
    if (baseSequence === expected) return NEXT
    return outOfOrder(`sequence ${baseSequence} of producer ${producerId} is not ${expected}`)
  }

  /** The error that refuses a marker; 0 when it may be written. */
  checkMarker(marker: MarkerCheck): number {
    const { producerId, producerEpoch, coordinatorEpoch, transactionVersion } = marker
    const entry = this.#entries.get(producerId)
    if (entry === undefined) return ErrorCode.NONE
    const oldest = transactionVersion >= 2 ? entry.epoch + 1 : entry.epoch
    if (producerEpoch < oldest) return ErrorCode.INVALID_PRODUCER_EPOCH
    const isOldCoordinator = coordinatorEpoch < entry.coordinatorEpoch && coordinatorEpoch >= 0
    return isOldCoordinator ? ErrorCode.TRANSACTION_COORDINATOR_FENCED : ErrorCode.NONE
  }

  remember(header: BatchHeader, baseOffset: number, logAppendTime: number): void {
    const { producerId, producerEpoch, baseSequence, recordCount, maxTimestamp, marker } = header
    if (producerId < 0n) return
    let entry = this.#entries.get(producerId)
    if (entry === undefined) {
      entry = { epoch: producerEpoch, batches: [], lastTimestamp: -1, coordinatorEpoch: -1 }
      this.#entries.set(producerId, entry)
    } else if (entry.epoch !== producerEpoch) {
      entry.epoch = producerEpoch
      entry.batches = []
    }
    entry.lastTimestamp = maxTimestamp
    if (marker !== undefined) {
      entry.coordinatorEpoch = marker.coordinatorEpoch
      return
    }
    entry.batches.push({
      firstSequence: baseSequence,
      lastSequence: lastSequenceOf(baseSequence, recordCount),
      baseOffset,
      logAppendTime,
    })
    if (entry.batches.length > REMEMBERED_BATCHES) entry.batches.shift()
  }

  /** Undefined when the producer is not known. */
  epochOf(producerId: bigint): number | undefined {
    return this.#entries.get(producerId)?.epoch
  }

  views(): readonly ProducerView[] {
    return [...this.#entries].map(([producerId, entry]) => ({
      producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
    }))
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
