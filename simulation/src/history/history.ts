/** The log of one run, and its fingerprint: equal for runs in which the same things happened. */
import type { HistoryEvent, NewEvent } from './event.ts'

export class History {
  readonly events: HistoryEvent[] = []
  readonly #now: () => number
  readonly #onEvent: ((event: HistoryEvent) => void) | undefined

  constructor(now: () => number, onEvent?: (event: HistoryEvent) => void) {
    this.#now = now
    this.#onEvent = onEvent
  }

  get now(): number {
    return this.#now()
  }

  add(given: NewEvent): void {
    // Every variant lacks its time alone.
    const event = { at: this.#now(), ...given } as HistoryEvent
    this.events.push(event)
    this.#onEvent?.(event)
  }

  /**
   * Eight hexadecimal digits, of everything up to now. It costs more than many a seed's verdict.
   */
  get hash(): string {
    let hash = FNV_START
    for (const event of this.events) hash = hashOf(JSON.stringify(event), hash)
    return (hash >>> 0).toString(16).padStart(8, '0')
  }
}

const FNV_START = 0x811c9dc5
const FNV_PRIME = 0x01000193

function hashOf(text: string, start: number): number {
  let hash = start
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME)
  }
  return hash | 0
}

export function partitionName({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`
}
