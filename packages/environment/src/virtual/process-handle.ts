/** A process as the network and its threads know it. */
import type { Timer } from '../environment.ts'
import type { Phase, QueuedEvent } from './event-queue.ts'
import type { TracedProcess, WorldHandle } from './world-handle.ts'

export interface ProcessHandle extends TracedProcess {
  readonly isAlive: boolean
  readonly world: WorldHandle
  /** The process whose thread this is, or itself: what shares a machine. */
  readonly host: TracedProcess
  readonly connections: Set<ConnectionEnd>
  /** The addresses on which it listens. */
  readonly listenerKeys: Set<string>
  /** Runs `action` in this process at `at`, or when the process can again. */
  schedule(at: number, phase: Phase, action: () => void): QueuedEvent & Timer
}

/** One end of a connection, as its process knows it. */
export interface ConnectionEnd {
  /** The process has ended; with `silently` the peer does not notice. */
  discard(silently: boolean): void
}
