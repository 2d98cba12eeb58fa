/**
 * Kafka's default partitioner. Records with a key go where murmur2 of the key says, over all
 * partitions. Records without one stay with a partition until a batch's worth of bytes went there
 * (KIP-794), then move to one drawn by chance, with less chance for partitions whose queues are
 * long: so batches are full, and a slow broker gets less.
 */
import type { Random } from '@odradek/environment'

interface Sticky {
  partition: number
  bytes: number
}

export class StickyPartitioner {
  readonly #random: Random
  readonly #batchSize: number
  readonly #current = new Map<string, Sticky>()

  constructor(random: Random, batchSize: number) {
    this.#random = random
    this.#batchSize = batchSize
  }

  /**
   * The partition for the next record without a key. `queued` tells batches that wait, by
   * partition.
   */
  next(
    topic: string,
    available: readonly number[],
    recordBytes: number,
    queued: (partition: number) => number,
  ): number {
    let sticky = this.#current.get(topic)
    if (sticky === undefined || sticky.bytes >= this.#batchSize) {
      sticky = { partition: this.#draw(available, queued), bytes: 0 }
      this.#current.set(topic, sticky)
    }
    sticky.bytes += recordBytes
    return sticky.partition
  }

  #draw(available: readonly number[], queued: (partition: number) => number): number {
    const lengths = available.map(queued)
    const longest = Math.max(0, ...lengths)
    const weights = lengths.map((length) => longest + 1 - length)
    let ticket = this.#random.integer(weights.reduce((sum, weight) => sum + weight, 0))
    for (const [index, weight] of weights.entries()) {
      ticket -= weight
      if (ticket < 0) return available[index] as number
    }
    return available[0] ?? 0
  }
}
