/**
 * A world in which time passes only between events. Processes, their timers and the network share
 * one queue; between two events every pending promise reaction runs. So a world is a function of
 * its seed: the same seed gives the same trace, on every machine and every Node.
 */
import { EventQueue, PHASE, type QueuedEvent } from './event-queue.ts'
import type { LinkRule } from './links.ts'
import { hashOf, mix } from './seeded-random.ts'
import { VirtualNetwork } from './virtual-network.ts'
import { VirtualProcess } from './virtual-process.ts'
import type { TracedProcess } from './world-handle.ts'

export interface VirtualWorldOptions {
  /** Decides everything random; a whole number, of which 32 bits are used. */
  readonly seed: number
  /** The wall clock's reading at the start, ms since the epoch; 2026-01-01 by default. */
  readonly startTime?: number | undefined
  /** The default of links; 1 ms of latency by default. */
  readonly link?: LinkRule | undefined
  /** Called for every event: the raw data of traces. */
  readonly onTrace?: ((line: TraceLine) => void) | undefined
}

export interface TraceLine {
  readonly at: number
  readonly process: string
  readonly what: string
}

export interface RunOptions {
  /** Fail if the promise is still pending after this virtual time. */
  readonly timeoutMs?: number | undefined
  /** Fail after this number of events: probably an endless loop. */
  readonly maxSteps?: number | undefined
}

const START_TIME = 1_767_225_600_000
const DEFAULT_MAX_STEPS = 50_000_000
/** The real event loop gets a turn at this interval, so that a test runner's timers fire. */
const STEPS_PER_REAL_TURN = 20_000
const SETTLED = Promise.resolve()

export class VirtualWorld {
  readonly seed: number
  readonly startTime: number
  readonly network: VirtualNetwork
  readonly #queue = new EventQueue()
  readonly #processes = new Map<string, VirtualProcess>()
  readonly #incarnations = new Map<string, number>()
  readonly #onTrace: ((line: TraceLine) => void) | undefined
  #now = 0
  #sequence = 0
  #steps = 0
  #traceHash = 0
  #isDriven = false

  constructor(options: VirtualWorldOptions) {
    this.seed = options.seed
    this.startTime = options.startTime ?? START_TIME
    this.#onTrace = options.onTrace
    this.network = new VirtualNetwork(this, options.link ?? { latencyMs: [1, 1] })
  }

  /** Virtual milliseconds since the world began. */
  get now(): number {
    return this.#now
  }

  /** Events that have happened. */
  get steps(): number {
    return this.#steps
  }

  /** A fingerprint of everything that has happened: equal for equal seeds. */
  get traceHash(): number {
    return this.#traceHash >>> 0
  }

  /** The process with this name. It is started at the first call, and again after it was killed. */
  process(name: string): VirtualProcess {
    let process = this.#processes.get(name)
    if (process === undefined || !process.isAlive) {
      const incarnation = this.#incarnations.get(name) ?? 0
      this.#incarnations.set(name, incarnation + 1)
      process = new VirtualProcess(this, name, incarnation)
      this.#processes.set(name, process)
      this.network.powerOn(name)
    }
    return process
  }

  /** Whether there is, or was, a process with this name. */
  hasProcess(name: string): boolean {
    return this.#processes.has(name)
  }

  /** @internal */
  isRunning(name: string): boolean {
    return this.#processes.get(name)?.isAlive === true
  }

  /** Lets time pass until the promise settles, and returns its outcome. */
  async run<T>(main: Promise<T> | (() => Promise<T>), options: RunOptions = {}): Promise<T> {
    const promise = typeof main === 'function' ? main() : main
    let isSettled = false
    const settle = (): void => {
      isSettled = true
    }
    promise.then(settle, settle)
    const limit = options.timeoutMs === undefined ? undefined : this.#now + options.timeoutMs
    await this.#drive(() => isSettled, limit, options.maxSteps)
    if (!isSettled) {
      throw new Error(
        limit !== undefined && this.#now >= limit
          ? `Still pending after ${options.timeoutMs} virtual ms.`
          : 'Deadlock: nothing is left to happen, and the promise is pending.',
      )
    }
    return promise
  }

  /** Lets this much virtual time pass. */
  async advance(durationMs: number): Promise<void> {
    const until = this.#now + durationMs
    await this.#drive(() => false, until)
    this.#now = until
  }

  /**
   * Resolves after a virtual time, for the code that controls a scenario (not part of any process).
   */
  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(this.#now + durationMs, resolve)
    })
  }

  /** Runs an action at a virtual time, outside of any process. */
  at(time: number, action: () => void): void {
    this.enqueue({
      at: Math.max(time, this.#now),
      phase: PHASE.timer,
      sequence: this.nextSequence(),
      isCancelled: false,
      run: action,
    })
  }

  /** @internal */
  nextSequence(): number {
    return this.#sequence++
  }

  /** @internal */
  enqueue(event: QueuedEvent): void {
    this.#queue.push(event)
  }

  /** @internal Adds to the trace. */
  note(process: TracedProcess, what: string, amount = 0): void {
    // As numbers: formatting every event would cost more than the event.
    this.#traceHash = mix(mix(mix(this.#traceHash, this.#now), process.nameHash), amount)
    this.#traceHash = hashOf(what, this.#traceHash)
    if (this.#onTrace === undefined) return
    const line = amount === 0 ? what : `${what} ${amount}`
    this.#onTrace({ at: this.#now, process: process.name, what: line })
  }

  async #drive(
    isDone: () => boolean,
    until: number | undefined,
    maxSteps = DEFAULT_MAX_STEPS,
  ): Promise<void> {
    if (this.#isDriven) {
      throw new Error('The world is already running: inside it time passes by `world.sleep`.')
    }
    this.#isDriven = true
    try {
      await this.#loop(isDone, until, maxSteps)
    } finally {
      this.#isDriven = false
    }
  }

  async #loop(isDone: () => boolean, until: number | undefined, maxSteps: number): Promise<void> {
    const budget = this.#steps + maxSteps
    await new Promise<void>((resolve, reject) => {
      const step = (): void => {
        try {
          // Cancelled events cost no turn of the promise queue.
          let event = this.#queue.peek()
          while (event?.isCancelled === true) {
            this.#queue.pop()
            event = this.#queue.peek()
          }
          if (isDone() || event === undefined || (until !== undefined && event.at > until)) {
            if (until !== undefined && !isDone() && event !== undefined) this.#now = until
            resolve()
            return
          }
          this.#queue.pop()
          this.#now = Math.max(this.#now, event.at)
          this.#steps++
          if (this.#steps > budget) {
            throw new Error(
              `More than ${maxSteps} events: probably an endless loop at ${this.#now} ms.`,
            )
          }
          event.run()
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
          return
        }
        next()
      }
      // From a microtask, the next tick comes after all microtasks, however many they create. (A
      // reaction costs less than `queueMicrotask`, which makes a resource for async hooks.)
      const afterMicrotasks = (): void => process.nextTick(step)
      const next = (): void => {
        if (this.#steps % STEPS_PER_REAL_TURN === STEPS_PER_REAL_TURN - 1) setImmediate(step)
        else void SETTLED.then(afterMicrotasks)
      }
      next()
    })
  }
}
