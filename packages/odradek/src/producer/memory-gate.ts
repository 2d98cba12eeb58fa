/**
 * The bound for everything that is queued to send. Whoever finds no room waits in line: nobody who
 * comes later gets in first, so that waiting changes no order.
 */
import type { Environment } from '@odradek/environment'
import { TimeoutError } from '../errors/errors.ts'
import { onAbort } from '../async/on-abort.ts'

interface Waiter {
  readonly bytes: number
  readonly grant: () => void
}

/** `drained` waits for this much room, so that a writer gets a good stretch at a time. */
const DRAINED_SHARE = 0.75

export class MemoryGate {
  readonly #environment: Environment
  readonly #maxBytes: number
  readonly #line: Waiter[] = []
  #drainWaiters: (() => void)[] = []
  #bytes = 0
  #grantedBytes = 0
  /** Granted, and not yet come back to take it. */
  #granted = 0

  constructor(environment: Environment, maxBytes: number) {
    this.#environment = environment
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes
  }

  /** Whether so much may be taken at once, by somebody who has not waited. */
  hasRoom(bytes: number): boolean {
    if (this.#line.length > 0 || this.#granted > 0) return false
    // What is larger than all the room there is goes when it is alone.
    return this.#bytes + bytes <= this.#maxBytes || this.#bytes === 0
  }

  take(bytes: number): void {
    this.#bytes += bytes
  }

  /** Waits in line for room. The answer must be called when the room is taken, or given up. */
  async wait(bytes: number, timeoutMs: number, signal?: AbortSignal): Promise<() => void> {
    const { timers } = this.#environment
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        timers.clear(timer)
        release()
        const at = this.#line.indexOf(waiter)
        if (at >= 0) this.#line.splice(at, 1)
      }
      const waiter: Waiter = {
        bytes,
        grant: () => {
          leave()
          this.#granted++
          this.#grantedBytes += bytes
          resolve()
        },
      }
      const timer = timers.set(timeoutMs, () => {
        leave()
        this.#admit()
        reject(
          new TimeoutError(
            `There was no room for a record within ${timeoutMs} ms: ${this.#bytes} bytes of ` +
              `"bufferMemory" (${this.#maxBytes}) wait for delivery.`,
          ),
        )
      })
      const release = onAbort(signal, () => {
        leave()
        this.#admit()
        reject(signal?.reason as Error)
      })
      this.#line.push(waiter)
    })
    return () => {
      this.#granted--
      this.#grantedBytes -= bytes
      this.#admit()
    }
  }

  give(bytes: number): void {
    this.#bytes -= bytes
    this.#admit()
    if (this.#drainWaiters.length === 0) return
    if (this.#bytes > this.#maxBytes * DRAINED_SHARE) return
    const waiters = this.#drainWaiters
    this.#drainWaiters = []
    for (const wake of waiters) wake()
  }

  #admit(): void {
    for (;;) {
      const [first] = this.#line
      if (first === undefined) return
      const used = this.#bytes + this.#grantedBytes
      if (used + first.bytes > this.#maxBytes && used > 0) return
      first.grant()
    }
  }

  /** Resolves when a good part of the room is free; at once unless it is full. */
  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve()
    return new Promise((resolve) => {
      this.#drainWaiters.push(resolve)
    })
  }

  /** Nobody waits any longer: all are let through to find out why. */
  open(): void {
    for (const { grant } of [...this.#line]) grant()
    for (const wake of this.#drainWaiters.splice(0)) wake()
  }
}
