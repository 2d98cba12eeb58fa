/**
 * One process of a virtual world: an environment with clocks, timers, randomness, sockets and
 * threads of its own, and the methods by which tests kill, pause and block it.
 */
import type { Clock, Environment, Timer, Timers } from '../environment.ts'
import { PHASE, type Phase, type QueuedEvent } from './event-queue.ts'
import type { ConnectionEnd } from './process-handle.ts'
import { hashOf, SeededRandom } from './seeded-random.ts'
import type { VirtualNetwork } from './virtual-network.ts'
import { virtualThreads } from './virtual-threads.ts'
import type { WorldHandle } from './world-handle.ts'

/** The world of a process, with its network. */
export interface ProcessWorld extends WorldHandle {
  readonly network: VirtualNetwork
}

/** Longer delays are cut to this one, as in the real environment (24.8 days). */
const MAX_DELAY_MS = 2_147_483_647

/** An event of a process; it is delayed while the process is paused or blocked. */
class ProcessEvent implements QueuedEvent, Timer {
  at: number
  readonly phase: Phase
  readonly sequence: number
  isCancelled = false
  readonly action: () => void
  readonly #process: VirtualProcess

  constructor(process: VirtualProcess, at: number, phase: Phase, action: () => void) {
    this.#process = process
    this.at = at
    this.phase = phase
    this.sequence = process.world.nextSequence()
    this.action = action
  }

  run(): void {
    this.#process.dispatch(this)
  }

  unref(): void {}
}

export class VirtualProcess {
  readonly name: string
  /** @internal */
  readonly nameHash: number
  readonly environment: Environment
  /** @internal */
  readonly world: ProcessWorld
  /** @internal The process whose thread this is, or itself: what shares a machine. */
  readonly host: VirtualProcess
  /** @internal */
  readonly connections = new Set<ConnectionEnd>()
  /** @internal Threads are killed and paused with their parent, but not blocked with it. */
  readonly threads = new Set<VirtualProcess>()
  /** @internal */
  readonly listenerKeys = new Set<string>()
  readonly #timers = new Set<QueuedEvent>()
  readonly #backlog: QueuedEvent[] = []
  #threadCount = 0
  #isAlive = true
  #isPaused = false
  #blockedUntil = 0
  #wallSkewMs = 0
  #monotonicSkewMs = 0
  readonly #signals = new Map<string, Set<() => void>>()

  /**
   * @internal `incarnation` counts the restarts under one name: each has its own random numbers.
   */
  constructor(world: ProcessWorld, name: string, incarnation: number, host?: VirtualProcess) {
    this.world = world
    this.name = name
    this.nameHash = hashOf(name)
    this.host = host ?? this
    const machine = this.host
    const clock: Clock = {
      now: () => world.startTime + world.now + machine.#wallSkewMs,
      monotonic: () => world.now + machine.#monotonicSkewMs,
    }
    this.environment = {
      clock,
      timers: this.#timersOf(),
      random: new SeededRandom(world.seed, incarnation === 0 ? name : `${name}#${incarnation}`),
      network: world.network.of(this),
      threads: virtualThreads(this),
      signals: { on: (signal, listener) => this.#listen(signal, listener) },
    }
  }

  #listen(signal: string, listener: () => void): () => void {
    const listeners = this.#signals.get(signal) ?? new Set()
    this.#signals.set(signal, listeners)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Sends the process a signal: its listeners are called; without any it is killed. */
  signal(name: string): void {
    const listeners = [...(this.#signals.get(name) ?? [])]
    if (listeners.length === 0) this.kill()
    else this.environment.timers.soon(() => listeners.forEach((listener) => listener()))
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /**
   * Ends the process immediately, with its timers and sockets. Peers get a reset, as when a kernel
   * cleans up after a process; with `silently` they do not, as when a machine loses power:
   * connections to it are half open, and new ones time out until it starts again.
   */
  kill(options: { readonly silently?: boolean } = {}): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    for (const timer of this.#timers) timer.isCancelled = true
    this.#timers.clear()
    this.#backlog.length = 0
    const silently = options.silently === true
    for (const connection of [...this.connections]) connection.discard(silently)
    this.world.network.closeListeners(this, silently)
    for (const thread of this.threads) thread.kill(options)
    this.threads.clear()
    this.world.note(this, 'killed')
  }

  /** SIGSTOP: nothing runs, the network's buffers fill, clocks continue. */
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

  /** Blocks the event loop for this time; its threads continue. */
  blockLoop(durationMs: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, this.world.now + durationMs)
    this.world.note(this, 'blocked for', durationMs)
  }

  /** Moves the wall clock (as NTP or an administrator may); its threads read the same clock. */
  skewWallClock(byMs: number): void {
    this.host.#wallSkewMs += byMs
  }

  /** Moves the monotonic clock forward (as a suspended machine's may, on waking). */
  skewMonotonicClock(byMs: number): void {
    this.host.#monotonicSkewMs += Math.max(0, byMs)
  }

  /** What the process holds now: nothing, if everything was closed. */
  leaks(): {
    readonly timers: number
    readonly connections: number
    readonly listeners: number
    readonly threads: number
  } {
    return {
      timers: this.#timers.size,
      connections: this.connections.size,
      listeners: this.listenerKeys.size,
      threads: this.threads.size,
    }
  }

  /** @internal A thread: a process beside this one, on the same machine. */
  startThread(): VirtualProcess {
    this.#threadCount++
    const name = `${this.name}/thread-${this.#threadCount}`
    const thread = new VirtualProcess(this.world, name, 0, this.host)
    if (!this.#isAlive) thread.kill()
    else this.threads.add(thread)
    if (this.#isPaused) thread.pause()
    return thread
  }

  /** @internal Runs `action` in this process at `at`, or when the process can again. */
  schedule(at: number, phase: Phase, action: () => void): QueuedEvent & Timer {
    const event = new ProcessEvent(this, at, phase, action)
    this.world.enqueue(event)
    return event
  }

  /** @internal */
  dispatch(event: ProcessEvent): void {
    if (!this.#isAlive) return
    if (this.#isPaused) this.#backlog.push(event)
    else if (this.#blockedUntil > this.world.now) {
      event.at = this.#blockedUntil
      this.world.enqueue(event)
    } else {
      if (event.phase === PHASE.timer) this.#timers.delete(event)
      event.action()
    }
  }

  #timersOf(): Timers {
    const { world } = this
    return {
      set: (delayMs, callback) => {
        // As Node does: whole milliseconds, at least one, and one for NaN.
        const delay = delayMs >= 1 ? Math.min(Math.trunc(delayMs), MAX_DELAY_MS) : 1
        const event = this.schedule(world.now + delay, PHASE.timer, () => {
          world.note(this, 'timer')
          callback()
        })
        if (this.#isAlive) this.#timers.add(event)
        return event
      },
      clear: (timer) => {
        if (timer === undefined) return
        const event = timer as ProcessEvent
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
