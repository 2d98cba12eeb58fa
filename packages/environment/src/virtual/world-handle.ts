/** The world as the network and the processes in it know it: its time, its queue, its trace. */
import type { QueuedEvent } from './event-queue.ts'

export interface WorldHandle {
  readonly seed: number
  /** The wall clock's reading at the start. */
  readonly startTime: number
  /** Virtual milliseconds since the world began. */
  readonly now: number
  nextSequence(): number
  enqueue(event: QueuedEvent): void
  /** Runs `action` at a virtual time, outside of any process. */
  at(time: number, action: () => void): void
  /** Adds to the trace. */
  note(process: TracedProcess, what: string, amount?: number): void
  /** Whether there is, or was, a process with this name. */
  hasProcess(name: string): boolean
  isRunning(name: string): boolean
}

export interface TracedProcess {
  readonly name: string
  readonly nameHash: number
}
