/**
 * Worker threads: starts a module that exports `run(context)`, or a source, and exchanges messages
 * with it.
 */
import { Worker } from 'node:worker_threads'
import type { Thread, ThreadOptions, Threads } from '../environment.ts'
import type { ThreadBootstrap } from './thread-bootstrap.ts'

// The entry is a short source, so that no file has to be found in either module format. Its
// failures become the worker's error: an unhandled rejection ends a worker.
const ENTRY =
  'import("node:worker_threads").then(({ workerData }) =>' +
  ' import(workerData.odradekModule).then((entry) => entry.run(entry.threadContext())))'

export const realThreads: Threads = {
  available: true,
  start: ({ module, data }: ThreadOptions): Thread => {
    const isFile = module instanceof URL
    const workerData: ThreadBootstrap = { odradekModule: isFile ? module.href : '', data }
    const worker = new Worker(isFile ? ENTRY : module.source, { eval: true, workerData })
    // A thread alone does not keep the process alive.
    worker.unref()
    const exits: ((error?: Error) => void)[] = []
    let failure: Error | undefined
    worker.on('error', (error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    worker.once('exit', () => {
      for (const listener of exits) listener(failure)
    })
    return {
      post: (message) => worker.postMessage(message),
      onMessage: (listener) => void worker.on('message', listener),
      onExit: (listener) => void exits.push(listener),
      terminate: async () => {
        await worker.terminate()
      },
    }
  },
}
