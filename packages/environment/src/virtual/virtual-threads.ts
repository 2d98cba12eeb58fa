/**
 * Threads of a virtual process: inline, with an environment that runs while the parent's loop is
 * blocked.
 */
import type { Environment, Thread, ThreadContext, Threads } from '../environment.ts'
import { PHASE } from './event-queue.ts'
import type { ProcessHandle } from './process-handle.ts'

/** A process that can have threads. */
export interface ThreadParent extends ProcessHandle {
  readonly environment: Environment
  readonly threads: Set<ThreadParent>
  startThread(): ThreadParent
  kill(): void
}

type Listener = (message: unknown) => void

export function virtualThreads(parent: ThreadParent): Threads {
  return {
    available: true,
    start: ({ inline, data }): Thread => {
      const { world } = parent
      const child = parent.startThread()
      const toParent = new Mailbox(parent)
      const toChild = new Mailbox(child)
      const exits: ((error?: Error) => void)[] = []
      const context: ThreadContext = {
        environment: child.environment,
        data: structuredClone(data),
        post: (message) => toParent.post(message),
        onMessage: (listener) => toChild.listen(listener),
      }
      child.schedule(world.now, PHASE.input, () => inline(context))
      return {
        post: (message) => toChild.post(message),
        onMessage: (listener) => toParent.listen(listener),
        onExit: (listener) => void exits.push(listener),
        terminate: async () => {
          if (!child.isAlive) return
          child.kill()
          parent.threads.delete(child)
          parent.schedule(world.now, PHASE.input, () => {
            for (const listener of exits) listener()
          })
        },
      }
    },
  }
}

/**
 * One direction of a thread's messages; they are queued until there is a listener, as in a port.
 */
class Mailbox {
  readonly #receiver: ProcessHandle
  readonly #listeners: Listener[] = []
  readonly #waiting: unknown[] = []

  constructor(receiver: ProcessHandle) {
    this.#receiver = receiver
  }

  post(message: unknown): void {
    // Shared array buffers stay shared, everything else is a copy, as between real threads.
    const copy: unknown = structuredClone(message)
    const receiver = this.#receiver
    receiver.schedule(receiver.world.now, PHASE.input, () => {
      receiver.world.note(receiver, 'message')
      if (this.#listeners.length === 0) this.#waiting.push(copy)
      for (const listener of this.#listeners) listener(copy)
    })
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener)
    const receiver = this.#receiver
    for (const message of this.#waiting.splice(0)) {
      receiver.schedule(receiver.world.now, PHASE.input, () => listener(message))
    }
  }
}
