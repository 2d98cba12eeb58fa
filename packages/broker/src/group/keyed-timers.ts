/** The timers of one group, each under a key: setting a key again replaces its timer. */
import type { Environment, Timer } from '@odradek/environment'

export class KeyedTimers {
  readonly #timers: Environment['timers']
  readonly #pending = new Map<string, Timer>()

  constructor({ timers }: Environment) {
    this.#timers = timers
  }

  has(key: string): boolean {
    return this.#pending.has(key)
  }

  set(key: string, afterMs: number, action: () => void): void {
    this.clear(key)
    const timer = this.#timers.set(afterMs, () => {
      this.#pending.delete(key)
      action()
    })
    this.#pending.set(key, timer)
  }

  clear(key: string): void {
    this.#timers.clear(this.#pending.get(key))
    this.#pending.delete(key)
  }

  clearAll(): void {
    for (const key of [...this.#pending.keys()]) this.clear(key)
  }
}
