/**
 * What one measurement is to do: given by the harness to a process of its own, as JSON in the one
 * argument. The Go peer reads the same object.
 */
export interface Job {
  readonly kind: 'produce' | 'consume' | 'send'
  /** One of the client's ways to do it: `batch`, `each`, or a name from the table of clients. */
  readonly variant: string
  readonly bootstrapServers: string
  /** Where the measured records go to or come from. */
  readonly topic: string
  readonly records: number
  /** The same in small, done first by the same process and not measured. */
  readonly warmupTopic: string
  readonly warmupRecords: number
  /** Of group ids and the like; another one in each process. */
  readonly uniqueName: string
  readonly valueBytes: number
  /** Sends that are awaited at the same time, for `send`. */
  readonly concurrency: number
}

export function readJob(argument = process.argv[2]): Job {
  if (argument === undefined) {
    throw new Error('A worker is started by the benchmark with a job as its argument.')
  }
  return JSON.parse(argument) as Job // written by the harness
}
