/**
 * One process of a virtual world: an environment with clocks, timers, chance, sockets and threads
 * of its own, and the handles by which a test does to it what operations teams know from real
 * life.
 */
import type { Clock, Environment, Random, Timer, Timers } from '../environment.ts'
import { PHASE, type Phase, type QueuedEvent } from './event-queue.ts'
import { SeededRandom } from './seeded-random.ts'
import type { VirtualConnection } from './virtual-connection.ts'
import { virtualThreads } from './virtual-threads.ts'
import type { VirtualWorld } from './virtual-world.ts'

export class VirtualProcess {
  readonly name: string
  readonly environment: Environment
  /** @internal */
  readonly world: VirtualWorld
  /** @internal */
  readonly connections = new Set<VirtualConnection>()
  /** @internal Threads share their parent's fate, not its blocked loop. */
  readonly threads = new Set<VirtualProcess>()
  /** @internal */
  readonly listenerKeys = new Set<string>()
  readonly #timers = new Set<QueuedEvent>()
  readonly #backlog: QueuedEvent[] = []
  #isAlive = true
  #isPaused = false
  #blockedUntil = 0
  #wallSkewMs = 0
  #monotonicSkewMs = 0

  constructor(world: VirtualWorld, name: string) {
    this.world = world
    this.name = name
    const clock: Clock = {
      now: () => world.startTime + world.now + this.#wallSkewMs,
      monotonic: () => world.now + this.#monotonicSkewMs,
    }
    this.environment = {
      clock,
      timers: this.#timersOf(),
      random: new SeededRandom(world.seed, name) as Random,
      network: world.network.of(this),
      threads: virtualThreads(this, (threadName) => new VirtualProcess(world, threadName)),
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /**
   * Ends the process on the spot: its timers and sockets vanish. Peers see a reset, as when a
   * kernel cleans up after a process; with `silently` they see nothing, as when a machine loses
   * power.
   */
  kill(options: { readonly silently?: boolean } = {}): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    for (const timer of this.#timers) timer.isCancelled = true
    this.#timers.clear()
    this.#backlog.length = 0
    for (const connection of [...this.connections]) connection.vanish(options.silently === true)
    this.world.network.closeListeners(this)
    for (const thread of this.threads) thread.kill(options)
    this.world.note(this, 'killed')
  }

  /** SIGSTOP: nothing runs, the network's buffers fill, clocks go on. */
  pause(): void {
    this.#isPaused = true
    for (const thread of this.threads) thread.pause()
    this.world.note(this, 'paused')
  }

  /** SIGCONT: first the timers that expired, then the input that arrived. */
  resume(): void {
    this.#isPaused = false
    for (const event of this.#backlog.splice(0)) {
      event.at = this.world.now
      this.world.enqueue(event)
    }
    for (const thread of this.threads) thread.resume()
    this.world.note(this, 'resumed')
  }

  /** The event loop computes for so long; its threads go on. */
  blockLoop(durationMs: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, this.world.now + durationMs)
    this.world.note(this, `blocked for ${durationMs}`)
  }

  /** Moves the wall clock (as NTP or a person may). */
  skewWallClock(byMs: number): void {
    this.#wallSkewMs += byMs
  }

  /** Moves the monotonic clock forward (as a suspended machine's may, on waking). */
  skewMonotonicClock(byMs: number): void {
    this.#monotonicSkewMs += Math.max(0, byMs)
  }

  /** What the process holds right now: empty after everything of it was closed. */
  leaks(): { readonly timers: number; readonly connections: number; readonly listeners: number } {
    return {
      timers: this.#timers.size,
      connections: this.connections.size,
      listeners: this.listenerKeys.size,
    }
  }

  /** @internal Runs `action` in this process at `at`, or when the process can again. */
  schedule(at: number, phase: Phase, action: () => void): QueuedEvent {
    const event: QueuedEvent = {
      at,
      phase,
      sequence: this.world.nextSequence(),
      isCancelled: false,
      run: () => {
        if (!this.#isAlive) return
        if (this.#isPaused) this.#backlog.push(event)
        else if (this.#blockedUntil > this.world.now) {
          event.at = this.#blockedUntil
          this.world.enqueue(event)
        } else action()
      },
    }
    this.world.enqueue(event)
    return event
  }

  #timersOf(): Timers {
    const { world } = this
    return {
      set: (delayMs, callback) => {
        // Node rounds a delay below one millisecond up to it.
        const at = world.now + Math.max(1, Number.isNaN(delayMs) ? 1 : delayMs)
        const event = this.schedule(at, PHASE.timer, () => {
          this.#timers.delete(event)
          world.note(this, 'timer')
          callback()
        })
        if (this.#isAlive) this.#timers.add(event)
        return Object.assign(event, { unref: () => undefined }) satisfies Timer
      },
      clear: (timer) => {
        if (timer === undefined) return
        const event = timer as unknown as QueuedEvent
        event.isCancelled = true
        this.#timers.delete(event)
      },
      turn: () =>
        new Promise((resolve) => {
          this.schedule(world.now, PHASE.deferred, resolve)
        }),
      soon: (callback) => void this.schedule(world.now, PHASE.deferred, callback),
    }
  }
}
