/**
 * How many records to ask for at once. What is acquired is locked, and each time that it goes back
 * unread it has used up one of the few deliveries that the group allows. So the first request asks
 * for little, and as long as readers are through in no time the next one asks for twice as much, up
 * to `maxPollRecords`; slow readers get less. About one second's worth is what it comes to.
 */
const FIRST = 16
const SOON_MS = 500
const LATE_MS = 2000

export class Appetite {
  readonly #max: number
  #size: number
  #fedAt: number | undefined

  constructor(max: number) {
    this.#max = max
    this.#size = Math.min(FIRST, max)
  }

  /** The most records to ask for now. */
  get size(): number {
    return this.#size
  }

  /** Records came. */
  fed(now: number): void {
    this.#fedAt ??= now
  }

  /** All that came was taken, and there is somebody for more. */
  hungry(now: number): void {
    if (this.#fedAt === undefined) return
    const tookMs = now - this.#fedAt
    this.#fedAt = undefined
    if (tookMs < SOON_MS) this.#size = Math.min(this.#max, this.#size * 2)
    else if (tookMs > LATE_MS) this.#size = Math.max(1, this.#size >> 1)
  }
}
