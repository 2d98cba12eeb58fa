/**
 * When a client should stop to ask the brokers it knows and begin again from its bootstrap servers
 * (KIP-899, KIP-1102): when none of them has given metadata for so long, counted from the first
 * question that stayed unanswered, or when one says so.
 */
import type { Clock } from '@odradek/environment'

export class MetadataRecovery {
  readonly #clock: Clock
  readonly #triggerMs: number
  #failingSince: number | undefined
  #isDemanded = false

  constructor(clock: Clock, triggerMs: number) {
    this.#clock = clock
    this.#triggerMs = triggerMs
  }

  /** How long known brokers may still be asked. */
  get remainingMs(): number {
    if (this.#failingSince === undefined) return this.#triggerMs
    return Math.max(1, this.#failingSince + this.#triggerMs - this.#clock.monotonic())
  }

  get isOverdue(): boolean {
    if (this.#isDemanded) return true
    if (this.#failingSince === undefined) return false
    return this.#clock.monotonic() - this.#failingSince >= this.#triggerMs
  }

  get isDemanded(): boolean {
    return this.#isDemanded
  }

  demand(): void {
    this.#isDemanded = true
  }

  /** Known brokers are asked: the time runs from here until one of them answers. */
  begin(): void {
    this.#failingSince ??= this.#clock.monotonic()
  }

  /** The bootstrap servers gave nothing either: known brokers get another chance. */
  restart(): void {
    this.#failingSince = this.#clock.monotonic()
    this.#isDemanded = false
  }

  succeeded(): void {
    this.#failingSince = undefined
    this.#isDemanded = false
  }
}
