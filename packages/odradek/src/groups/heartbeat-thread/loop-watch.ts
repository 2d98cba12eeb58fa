/**
 * The tick of the main loop: a timer that counts in shared memory. As long as the count grows the
 * loop turns, and a thread that watches it knows so within a tick. When a tick comes late, the loop
 * was blocked (or the whole process stood still) for at least so long. One for a process, however
 * many consumers it has; it never keeps the process alive.
 */
import type { Environment, Timer } from '@odradek/environment'

export interface LoopListener {
  /**
   * The loop turned. After a block it is called once input that has arrived meanwhile was read:
   * late timers do not convict.
   */
  onTick(now: number): void
  /** The loop turns again, after it did not for at least `blockedMs`. Called before any input. */
  onReturn(blockedMs: number): void
}

const COUNT = 0
const STAMP = 0
const STAMP_OFFSET_BYTES = 8
const TICKS_BYTES = 16
const MICROS = 1000

/** The count, and when it was last increased, by the main loop's clock. Both threads read it. */
export class Ticks {
  readonly memory: SharedArrayBuffer
  readonly #count: Int32Array
  readonly #stamp: BigInt64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(TICKS_BYTES)) {
    this.memory = memory
    this.#count = new Int32Array(memory, 0, 1)
    this.#stamp = new BigInt64Array(memory, STAMP_OFFSET_BYTES, 1)
  }

  get count(): number {
    return Atomics.load(this.#count, COUNT)
  }

  get stamp(): number {
    return Number(Atomics.load(this.#stamp, STAMP)) / MICROS
  }

  tick(now: number): void {
    Atomics.store(this.#stamp, STAMP, BigInt(Math.floor(now * MICROS)))
    Atomics.add(this.#count, COUNT, 1)
  }
}

export class LoopWatch {
  readonly ticks = new Ticks()
  readonly #environment: Environment
  readonly #listeners = new Map<LoopListener, number>()
  #timer: Timer | undefined
  #intervalMs = 0
  #dueAt = 0

  /** Use `loopWatchOf`. */
  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Calls the listener every `intervalMs` or more often; the answer ends it. */
  subscribe(listener: LoopListener, intervalMs: number): () => void {
    this.#listeners.set(listener, intervalMs)
    this.#arm()
    return () => {
      this.#listeners.delete(listener)
      this.#arm()
    }
  }

  #arm(): void {
    const { timers, clock } = this.#environment
    timers.clear(this.#timer)
    this.#timer = undefined
    if (this.#listeners.size === 0) return
    const now = clock.monotonic()
    this.ticks.tick(now)
    this.#intervalMs = Math.min(...this.#listeners.values())
    this.#dueAt = now + this.#intervalMs
    this.#timer = timers.set(this.#intervalMs, () => this.#tick())
    this.#timer.unref()
  }

  #tick(): void {
    const { timers, clock } = this.#environment
    const now = clock.monotonic()
    const lateMs = now - this.#dueAt
    const wasBlocked = lateMs > this.#intervalMs
    this.#arm()
    if (!wasBlocked) {
      for (const listener of [...this.#listeners.keys()]) listener.onTick(now)
      return
    }
    for (const listener of [...this.#listeners.keys()]) listener.onReturn(lateMs)
    timers.soon(() => {
      for (const listener of [...this.#listeners.keys()]) listener.onTick(clock.monotonic())
    })
  }
}

const watches = new WeakMap<Environment, LoopWatch>()

/** The one of this process. */
export function loopWatchOf(environment: Environment): LoopWatch {
  let watch = watches.get(environment)
  if (watch === undefined) {
    watch = new LoopWatch(environment)
    watches.set(environment, watch)
  }
  return watch
}
