/** The other side of `real-threads.ts`: what a module finds when it runs in a worker thread. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { ThreadContext } from '../environment.ts'
import { realEnvironment } from './real-environment.ts'

/** What the entry of a worker is given; the shape is private to these two files. */
export interface ThreadBootstrap {
  readonly odradekModule: string
  readonly data: unknown
}

/** The context of this thread. A thread's module re-exports this function beside its `run`. */
export function threadContext(): ThreadContext {
  if (isMainThread || parentPort === null) throw new Error('This is not a thread of ours.')
  const port = parentPort
  const bootstrap = workerData as ThreadBootstrap
  return {
    environment: realEnvironment,
    data: bootstrap.data,
    post: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
  }
}
