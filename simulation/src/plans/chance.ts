/** Decisions of a seed, in whole numbers alone: the same on every engine. */
import type { Random } from '@odradek/environment'

export class Chance {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.#random.integer(max - min + 1)
  }

  /** True in so many of a hundred cases. */
  percent(of100: number): boolean {
    return this.#random.integer(100) < of100
  }

  pick<T>(from: readonly T[]): T {
    // Callers give lists that are not empty.
    return from[this.#random.integer(from.length)] as T
  }

  /** Some of them, at least one, in their order. */
  some<T>(from: readonly T[], most = from.length): readonly T[] {
    const wanted = this.between(1, Math.min(most, from.length))
    const rest = [...from]
    while (rest.length > wanted) rest.splice(this.#random.integer(rest.length), 1)
    return rest
  }
}
