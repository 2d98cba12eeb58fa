/**
 * Offsets that were committed in open transactions (KIP-98, KIP-447): no fetch returns them, and
 * fetches that require stable offsets get UNSTABLE_OFFSET_COMMIT. The marker of the transaction
 * applies them, unless a later commit has replaced them, or drops them.
 */
import type { CommittedOffset } from './committed-offset.ts'

/** The committer, for events. */
export interface CommitAuthor {
  readonly connectionId: number
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string | null
}

export interface PendingOffset {
  readonly topic: string
  readonly partition: number
  readonly committed: CommittedOffset
  /** Its place among all commits of the group. */
  readonly order: number
  readonly author: CommitAuthor
}

export class PendingOffsets {
  readonly #byProducer = new Map<bigint, Map<string, PendingOffset>>()

  get isEmpty(): boolean {
    return this.#byProducer.size === 0
  }

  add(producerId: bigint, offset: PendingOffset): void {
    let offsets = this.#byProducer.get(producerId)
    if (offsets === undefined) {
      offsets = new Map()
      this.#byProducer.set(producerId, offsets)
    }
    offsets.set(offsetKey(offset.topic, offset.partition), offset)
  }

  has(topic: string, partition: number): boolean {
    const key = offsetKey(topic, partition)
    return [...this.#byProducer.values()].some((offsets) => offsets.has(key))
  }

  /** The producer's transaction has ended. */
  take(producerId: bigint): readonly PendingOffset[] {
    const offsets = this.#byProducer.get(producerId)
    this.#byProducer.delete(producerId)
    return [...(offsets?.values() ?? [])]
  }

  /** The topic was deleted. */
  forgetTopic(topic: string): void {
    for (const [producerId, offsets] of this.#byProducer) {
      for (const [key, offset] of offsets) if (offset.topic === topic) offsets.delete(key)
      if (offsets.size === 0) this.#byProducer.delete(producerId)
    }
  }
}

export function offsetKey(topic: string, partition: number): string {
  return `${topic} ${partition}`
}
