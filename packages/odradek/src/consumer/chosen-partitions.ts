/**
 * Partitions that the program chose itself, instead of topics. They are assigned when the cluster
 * is known, which is after the first read; until then, where each begins is kept here.
 */
import { partitionKey, type TopicPartition } from '../events/topic-partition.ts'
import { nameOf, type PartitionOf } from './options/consumer-options.ts'

/** An offset, or a timestamp to look up. */
export type Place = { readonly offset: number } | { readonly at: number }

export class ChosenPartitions {
  readonly #starts = new Map<string, Place | undefined>()
  #waiters: (() => void)[] = []

  constructor(partitions: readonly PartitionOf[] = []) {
    for (const { topic, partition, offset } of partitions) {
      const start = offset === undefined ? undefined : { offset }
      this.#starts.set(partitionKey(nameOf(topic), partition), start)
    }
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.#starts.has(partitionKey(topic, partition))
  }

  /** Where it begins once it is assigned. */
  seek({ topic, partition }: TopicPartition, place: Place): void {
    this.#starts.set(partitionKey(topic, partition), place)
  }

  /** Where it was said to begin; undefined for what is committed, or `startFrom`. */
  startOf({ topic, partition }: TopicPartition): Place | undefined {
    return this.#starts.get(partitionKey(topic, partition))
  }

  /** Resolves when they are assigned. */
  whenAssigned(): Promise<void> {
    return new Promise((resolve) => void this.#waiters.push(resolve))
  }

  noteAssigned(): void {
    for (const resolve of this.#waiters) resolve()
    this.#waiters = []
  }
}
