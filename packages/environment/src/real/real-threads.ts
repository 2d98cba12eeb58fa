/** Worker threads. A thread's module exports `run(context)`; this file starts and hosts it. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Thread, ThreadContext, ThreadOptions, Threads } from '../environment.ts'
import { realEnvironment } from './real-environment.ts'

/** What the worker's bootstrap needs; the shape is private to this file. */
interface Bootstrap {
  readonly odradekModule: string
  readonly data: unknown
}

export const realThreads: Threads = {
  available: true,
  start: ({ module, data }: ThreadOptions): Thread => {
    // The entry is a few words of source, so that no file has to be found in either module format.
    const source =
      'import("node:worker_threads").then(({ workerData, parentPort }) =>' +
      ' import(workerData.odradekModule).then((entry) =>' +
      ' entry.run(entry.threadContext(workerData, parentPort))))'
    const bootstrap: Bootstrap = { odradekModule: module.href, data }
    const worker = new Worker(source, { eval: true, workerData: bootstrap })
    worker.unref()
    const exits: ((error?: Error) => void)[] = []
    let failure: Error | undefined
    worker.on('error', (error: Error) => {
      failure = error
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

/** The context for a thread's module; it re-exports this function beside its `run`. */
export function threadContext(bootstrap: unknown): ThreadContext {
  if (isMainThread || parentPort === null) throw new Error('This is not a thread of ours.')
  const port = parentPort
  return {
    environment: realEnvironment,
    data: ((bootstrap ?? workerData) as Bootstrap).data,
    post: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
  }
}
