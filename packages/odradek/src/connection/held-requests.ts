/**
 * Requests that have to wait, in order, while a broker wants silence (a throttle, KIP-219) or talks
 * about who we are (a re-authentication, KIP-368). Both may be so at once.
 */
export type HoldReason = 'throttle' | 'reauthentication'

export class HeldRequests {
  readonly #reasons = new Set<HoldReason>()
  #held: (() => void)[] = []

  get isHolding(): boolean {
    return this.#reasons.size > 0
  }

  hold(reason: HoldReason): void {
    this.#reasons.add(reason)
  }

  push(send: () => void): void {
    this.#held.push(send)
  }

  release(reason: HoldReason): void {
    this.#reasons.delete(reason)
    if (this.#reasons.size === 0) this.releaseAll()
  }

  releaseAll(): void {
    this.#reasons.clear()
    const held = this.#held
    this.#held = []
    for (const send of held) send()
  }
}
