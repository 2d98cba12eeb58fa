/**
 * The frame around every client that runs on Node: reads the job, lets the client warm up with the
 * same work in small, measures the work, prints the report. A client is three functions; what it
 * does with a record, how often and when the clock runs is the same for all.
 */
import { type Job, readJob } from './job.ts'
import { Meter, peakRssBytes, processUsage } from './meter.ts'
import { REPORT_MARK, type Usage } from './report.ts'
import { checksumOf, Tally } from './values.ts'

export interface OpenProducer<Value> {
  /** Sends so many records as fast as the client can; resolves when all are acknowledged. */
  produce(topic: string, count: number): Promise<void>
  /** Sends one record; resolves when it is acknowledged. */
  sendOne(topic: string, value: Value): Promise<unknown>
  close(): Promise<void>
}

export interface BenchmarkClient<Value> {
  readonly version: string
  /** The stock of values in the shape that this client sends. */
  values(job: Job): readonly Value[]
  openProducer(job: Job, values: readonly Value[]): Promise<OpenProducer<Value>>
  /**
   * Joins group `groupId`, reads `topic` from its beginning and gives every value to `tally`, until
   * `tally.isComplete`; then `finished` resolves, and the consumer is to be closed.
   */
  consume(job: Job, run: ConsumeRun): Promise<void>
}

export interface ConsumeRun {
  readonly topic: string
  readonly groupId: string
  readonly tally: Tally
  readonly finished: Promise<void>
}

interface Measured {
  readonly section: Usage
  readonly process: Usage
  readonly records: number
  readonly checksum: number
  readonly firstRecordMs: number
}

export async function runWorker<Value>(client: BenchmarkClient<Value>): Promise<void> {
  const job = readJob()
  const measured =
    job.kind === 'consume' ? await measureConsume(client, job) : await measureProduce(client, job)
  const report = {
    ...measured,
    peakRssBytes: peakRssBytes(),
    runtime: `Node ${process.versions.node}`,
    version: client.version,
  }
  process.stdout.write(`\n${REPORT_MARK}${JSON.stringify(report)}\n`, () => process.exit(0))
}

async function measureProduce<Value>(client: BenchmarkClient<Value>, job: Job): Promise<Measured> {
  const values = client.values(job)
  const producer = await client.openProducer(job, values)
  const work = async (topic: string, count: number): Promise<void> => {
    if (job.kind === 'produce') await producer.produce(topic, count)
    else await sendConcurrently(producer, { topic, count, values, concurrency: job.concurrency })
  }
  await work(job.warmupTopic, job.warmupRecords)
  const meter = new Meter()
  await work(job.topic, job.records)
  const section = meter.read()
  const whole = processUsage()
  await producer.close()
  return { section, process: whole, records: job.records, checksum: 0, firstRecordMs: 0 }
}

async function sendConcurrently<Value>(
  producer: OpenProducer<Value>,
  work: {
    readonly topic: string
    readonly count: number
    readonly values: readonly Value[]
    readonly concurrency: number
  },
): Promise<void> {
  const { topic, count, values, concurrency } = work
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const value = values[next++ % values.length] as Value // the index is below the length
      await producer.sendOne(topic, value)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
}

async function measureConsume<Value>(client: BenchmarkClient<Value>, job: Job): Promise<Measured> {
  await consumeOnce(client, job, job.warmupTopic, job.warmupRecords)
  return consumeOnce(client, job, job.topic, job.records)
}

async function consumeOnce<Value>(
  client: BenchmarkClient<Value>,
  job: Job,
  topic: string,
  count: number,
): Promise<Measured> {
  const meter = new Meter()
  let firstRecordMs = 0
  let end: Pick<Measured, 'section' | 'process'> | undefined
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const tally = new Tally(
    count,
    () => {
      firstRecordMs = meter.elapsedMs()
    },
    () => {
      end = { section: meter.read(), process: processUsage() }
      finish()
    },
  )
  await client.consume(job, { topic, groupId: `${job.uniqueName}-${topic}`, tally, finished })
  if (end === undefined) throw new Error(`Only ${tally.count} of ${count} records came.`)
  if (tally.count !== count) throw new Error(`${tally.count} records came instead of ${count}.`)
  if (tally.checksum !== checksumOf(count)) {
    throw new Error('The checksum is wrong: some records are missing and others came twice.')
  }
  return { ...end, firstRecordMs, records: tally.count, checksum: tally.checksum }
}
