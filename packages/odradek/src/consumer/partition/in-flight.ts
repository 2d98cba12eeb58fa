/** How much of one partition is in flight in user code: records, or a batch. */
export class InFlightCount {
  #count = 0
  /** Called whenever something is no longer in flight. */
  readonly onEnd = new Set<() => void>()

  get count(): number {
    return this.#count
  }

  get isAny(): boolean {
    return this.#count > 0
  }

  /** A record or a batch is delivered. */
  begin(): void {
    this.#count++
  }

  /** User code has finished with it. */
  end(): void {
    this.#count--
    if (this.onEnd.size === 0) return
    for (const look of this.onEnd) look()
  }
}
