/** The other side of `real-threads.ts`: what a module uses when it runs in a worker thread. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { ThreadContext } from '../environment.ts'
import { realEnvironment } from './real-environment.ts'
import type { ThreadBootstrap } from './thread-bootstrap.ts'

/** The context of this thread. A thread's module re-exports this function beside its `run`. */
export function threadContext(): ThreadContext {
  if (isMainThread || parentPort === null)
    throw new Error('threadContext() must be called in a worker thread that Odradek has started.')
  const port = parentPort
  const bootstrap = workerData as ThreadBootstrap
  return {
    environment: realEnvironment,
    data: bootstrap.data,
    post: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
  }
}
