/**
 * Where calls wait until their topic is ready for its first record (metadata, codecs, what its
 * serdes need) or until there is room. Calls of one topic pass in the order in which they were
 * made; while somebody stands in line nobody goes past.
 */
import { abortable } from '../async/on-abort.ts'
import type { TopicInput } from './record.ts'

export class Entrance {
  isReady = false
  preparing: Promise<void> | undefined
  #tail: Promise<unknown> = Promise.resolve()
  #length = 0

  get isOpen(): boolean {
    return this.isReady && this.#length === 0
  }

  /** Runs `place` once the topic is ready and everybody before has had their turn. */
  standInLine<T>(place: () => Promise<T> | T): Promise<T> {
    const { preparing } = this
    this.#length++
    const placed = this.#tail.then(() => preparing).then(place)
    const leave = (): void => {
      this.#length--
    }
    this.#tail = placed.then(leave, leave)
    return placed
  }
}

export class Entrances {
  readonly #prepare: (topic: TopicInput) => Promise<void>
  readonly #finished: AbortSignal
  readonly #byName = new Map<string, Entrance>()
  readonly #byTopic = new WeakMap<object, Entrance>()
  /** Calls whose records are not all in a batch yet. */
  readonly inLine = new Set<Promise<unknown>>()

  constructor(prepare: (topic: TopicInput) => Promise<void>, finished: AbortSignal) {
    this.#prepare = prepare
    this.#finished = finished
  }

  /** The entrance of a topic; its preparation has begun. */
  of(topic: TopicInput): Entrance {
    const known = typeof topic === 'string' ? this.#byName.get(topic) : this.#byTopic.get(topic)
    if (known?.isReady === true) return known
    const entrance = known ?? new Entrance()
    if (known === undefined) {
      if (typeof topic === 'string') this.#byName.set(topic, entrance)
      else this.#byTopic.set(topic, entrance)
    }
    entrance.preparing ??= this.#begin(topic, entrance)
    return entrance
  }

  #begin(topic: TopicInput, entrance: Entrance): Promise<void> {
    const preparing = abortable(this.#prepare(topic), this.#finished)
    preparing.then(
      () => {
        entrance.isReady = true
      },
      () => {
        // The next call tries again.
        entrance.preparing = undefined
      },
    )
    return preparing
  }

  /**
   * Like `Entrance.standInLine`; `flush` and `close` wait for it, unless `until` aborts: then
   * `place` writes nothing any more, and is not waited for.
   */
  standInLine<T>(
    entrance: Entrance,
    until: AbortSignal | undefined,
    place: () => Promise<T> | T,
  ): Promise<T> {
    const placed = abortable(entrance.standInLine(place), until)
    this.inLine.add(placed)
    const leave = (): void => void this.inLine.delete(placed)
    placed.then(leave, leave)
    return placed
  }

  /** Resolves when nobody stands in line. */
  async cleared(): Promise<void> {
    while (this.inLine.size > 0) await Promise.allSettled(this.inLine)
  }
}
