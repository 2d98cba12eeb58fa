/**
 * Threads of a virtual process: inline, with an environment that outlives a blocked parent loop.
 */
import type { Thread, ThreadContext, Threads } from '../environment.ts'
import { PHASE } from './event-queue.ts'
import type { VirtualProcess } from './virtual-process.ts'

export function virtualThreads(
  parent: VirtualProcess,
  makeProcess: (name: string) => VirtualProcess,
): Threads {
  return {
    available: true,
    start: ({ inline, data }): Thread => {
      const { world } = parent
      const child = makeProcess(`${parent.name}/thread-${parent.threads.size + 1}`)
      parent.threads.add(child)
      const toChild: ((message: unknown) => void)[] = []
      const toParent: ((message: unknown) => void)[] = []
      const exits: ((error?: Error) => void)[] = []
      const send = (
        receiver: VirtualProcess,
        listeners: readonly ((message: unknown) => void)[],
        message: unknown,
      ): void => {
        // Shared array buffers stay shared, everything else is a copy, as between real threads.
        const copy = structuredClone(message)
        receiver.schedule(world.now, PHASE.input, () => {
          for (const listener of listeners) listener(copy)
        })
      }
      const context: ThreadContext = {
        environment: child.environment,
        data: structuredClone(data),
        post: (message) => send(parent, toParent, message),
        onMessage: (listener) => void toChild.push(listener),
      }
      child.schedule(world.now, PHASE.input, () => inline(context))
      return {
        post: (message) => send(child, toChild, message),
        onMessage: (listener) => void toParent.push(listener),
        onExit: (listener) => void exits.push(listener),
        terminate: async () => {
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
