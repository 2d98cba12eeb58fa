/**
 * What user code has in its hands, and since when: the measure of `maxPollIntervalMs`. Records that
 * wait in a buffer, a pause or an idle topic are in nobody's hands.
 */
import type { ClosableRun } from './close-inside-run.ts'
import type { AnyRecord } from './fetch-buffer.ts'

export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface InHand extends Place {
  /** When it was handed out, by the monotonic clock. */
  readonly since: number
}

/** A way to read (by record, by batch, by handler), as far as liveness is concerned. */
export interface Occupant extends ClosableRun {
  /** What user code has had for the longest; undefined when it has nothing. */
  readonly oldestInHand: InHand | undefined
  /** False while user code neither has a record nor requests one. */
  readonly isReading: boolean
  /** What was handed out last, finished or not. */
  readonly lastHanded: Place | undefined
  /** Records that are given up one by one, each by its own signal: those handed out before. */
  overdue?(handedBefore: number): Iterable<Hand>
}

/**
 * One call of a handler: what it gets beside the record, and its place in the list of those that
 * are at work. Made for every record, so it is small, and its signal is made when it is asked for.
 */
export class Hand implements InHand {
  readonly since: number
  readonly #record: AnyRecord
  #controller: AbortController | undefined
  #follow: (() => void) | undefined
  isTimedOut = false
  /** @internal */
  previous: Hand | undefined
  /** @internal */
  next: Hand | undefined

  constructor(record: AnyRecord, since: number) {
    this.#record = record
    this.since = since
  }

  get topic(): string {
    return this.#record.topic
  }

  get partition(): number {
    return this.#record.partition
  }

  get offset(): number {
    return this.#record.offset
  }

  /** Aborts when the partition is taken away, or when this call takes too long (`timeout`). */
  get signal(): AbortSignal {
    const known = this.#controller
    if (known !== undefined) return known.signal
    const controller = new AbortController()
    this.#controller = controller
    const { signal } = this.#record.lineage
    if (this.isTimedOut) controller.abort('timeout')
    else if (signal.aborted) controller.abort(signal.reason)
    else {
      this.#follow = () => controller.abort(signal.reason)
      signal.addEventListener('abort', this.#follow, { once: true })
    }
    return controller.signal
  }

  timeOut(): void {
    this.isTimedOut = true
    this.#controller?.abort('timeout')
  }

  /** The call is over. */
  close(): void {
    if (this.#follow === undefined) return
    this.#record.lineage.signal.removeEventListener('abort', this.#follow)
    this.#follow = undefined
  }
}

/** Calls at work, oldest first: a list, because most of them are over soon, in any order. */
export class Hands implements Iterable<Hand> {
  #oldest: Hand | undefined
  #newest: Hand | undefined

  get oldest(): Hand | undefined {
    return this.#oldest
  }

  add(hand: Hand): void {
    hand.previous = this.#newest
    if (this.#newest === undefined) this.#oldest = hand
    else this.#newest.next = hand
    this.#newest = hand
  }

  remove(hand: Hand): void {
    const { previous, next } = hand
    if (previous === undefined) this.#oldest = next
    else previous.next = next
    if (next === undefined) this.#newest = previous
    else next.previous = previous
    hand.previous = undefined
    hand.next = undefined
    hand.close()
  }

  *[Symbol.iterator](): Generator<Hand> {
    for (let hand = this.#oldest; hand !== undefined; hand = hand.next) yield hand
  }
}
