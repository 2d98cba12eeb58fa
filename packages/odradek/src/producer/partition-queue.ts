/**
 * What waits for one partition, in order: batches that were tried and must go again, closed and
 * open batches, and those under way. Two rules keep order and exactly-once: a batch that has to be
 * repeated travels alone, and nothing follows a batch of unknown fate under the same epoch.
 *
 * Sequence numbers count per partition and epoch. A queue moves to the producer's newest epoch only
 * when nothing of it is unresolved, and begins at 0 there: what is sent afterwards can not collide
 * with anything older. `needsNewEpoch` says that its numbers under this epoch have a hole.
 */
import { advanceSequence } from './produce-reaction.ts'
import type { Identity } from './producer-identity.ts'

/** What the order of a partition's batches depends on. */
export interface QueuedBatch {
  readonly ordinal: number
  readonly recordCount: number
  readonly builder: unknown
  readonly attempts: number
  readonly lastLeader: number
  baseSequence: number
}

export class PartitionQueue<Batch extends QueuedBatch> {
  readonly topic: string
  readonly partition: number
  /** Oldest first; the last one may still be open. */
  readonly waiting: Batch[] = []
  readonly inFlight: Batch[] = []
  producerId = -1n
  producerEpoch = -1
  nextSequence = 0
  needsNewEpoch = false
  /** Whether a broker has written anything under this producer id. */
  isKnownToBroker = false
  nextOrdinal = 0
  /** What the last full batch weighed: the next one's buffer begins at that size. */
  expectedBytes = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get isIdle(): boolean {
    return this.waiting.length === 0 && this.inFlight.length === 0
  }

  /** The batch that takes records, if there is one (a half of a split batch takes none). */
  get open(): Batch | undefined {
    const last = this.waiting[this.waiting.length - 1]
    return last?.builder === undefined || last.attempts > 0 ? undefined : last
  }

  /** Puts a batch that has to be sent again (or a half of one) at its place. */
  putBack(batch: Batch): void {
    const at = this.waiting.findIndex((other) => other.ordinal > batch.ordinal)
    this.waiting.splice(at < 0 ? this.waiting.length : at, 0, batch)
  }

  /** The batch that may go to `leader` now as far as order is concerned. */
  next(leader: number, maxInFlight: number): Batch | undefined {
    const { waiting, inFlight } = this
    const [head] = waiting
    if (head === undefined || inFlight.length >= maxInFlight) return undefined
    if (inFlight.length === 0) {
      // Under a hole in the numbers, what may have been written is settled before all else.
      return this.needsNewEpoch ? (waiting.find(isNumbered) ?? head) : head
    }
    // A broker takes any number from a producer that it does not know: until it knows this one, a
    // second batch could get in before a first that was refused.
    if (head.attempts > 0 || !this.isKnownToBroker) return undefined
    for (const batch of inFlight) {
      if (batch.attempts > 1 || batch.lastLeader !== leader) return undefined
    }
    return head
  }

  /**
   * Whether a batch without numbers may take some now. False: what is under way ends first, or the
   * producer needs another epoch first (which is asked for here).
   */
  mayNumber(identity: Identity): boolean {
    const isCurrent =
      this.producerId === identity.producerId && this.producerEpoch === identity.producerEpoch
    if (isCurrent && !this.needsNewEpoch) return true
    if (this.inFlight.length > 0 || this.waiting.some(isNumbered)) return false
    if (isCurrent) {
      identity.requestNewEpoch()
      return false
    }
    if (this.producerId !== identity.producerId) this.isKnownToBroker = false
    this.producerId = identity.producerId
    this.producerEpoch = identity.producerEpoch
    this.nextSequence = 0
    this.needsNewEpoch = false
    return true
  }

  number(batch: Batch): void {
    batch.baseSequence = this.nextSequence
    this.nextSequence = advanceSequence(this.nextSequence, batch.recordCount)
  }

  /** Whether something that was sent before this batch is not settled yet. */
  hasEarlier({ ordinal }: Batch): boolean {
    const isEarlier = (other: Batch): boolean => isNumbered(other) && other.ordinal < ordinal
    return this.inFlight.some(isEarlier) || this.waiting.some(isEarlier)
  }

  /** Takes a batch out of flight; false when it was out already. */
  landed(batch: Batch): boolean {
    const at = this.inFlight.indexOf(batch)
    if (at >= 0) this.inFlight.splice(at, 1)
    return at >= 0
  }

  take(batch: Batch): void {
    if (this.waiting[0] === batch) this.waiting.shift()
    else this.waiting.splice(this.waiting.indexOf(batch), 1)
  }
}

function isNumbered(batch: QueuedBatch): boolean {
  return batch.baseSequence >= 0
}
