/** What a client that runs on Node needs to be measured. */
export type { Job } from './job.ts'
export { Tally, textPool, valuePool } from './values.ts'
export {
  type BenchmarkClient,
  type ConsumeRun,
  type OpenProducer,
  runWorker,
} from './worker.ts'
