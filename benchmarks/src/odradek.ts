/** Odradek, as its documentation says it is used. */
import { readFileSync } from 'node:fs'
import { Kafka } from 'odradek'
import {
  type ConsumeRun,
  type Job,
  type OpenProducer,
  runWorker,
  valuePool,
} from './worker/index.ts'

const RECORDS_PER_SEND = 1000
const CALLS_AT_ONCE = 5

function kafkaOf(job: Job): Kafka {
  return new Kafka({ bootstrapServers: job.bootstrapServers, clientId: 'benchmark' })
}

async function openProducer(job: Job, values: readonly Buffer[]): Promise<OpenProducer<Buffer>> {
  const kafka = kafkaOf(job)
  const producer = kafka.producer({ batchSize: 65_536 })
  const valueAt = (index: number): Buffer => values[index % values.length] as Buffer // below length

  async function write(topic: string, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      if (!producer.write(topic, { value: valueAt(index) })) await producer.drained()
    }
    await producer.flush()
  }

  async function send(topic: string, count: number): Promise<void> {
    let sent = 0
    const lane = async (): Promise<void> => {
      while (sent < count) {
        const records: { value: Buffer }[] = []
        const end = Math.min(count, sent + RECORDS_PER_SEND)
        for (; sent < end; sent++) records.push({ value: valueAt(sent) })
        await producer.send(topic, records)
      }
    }
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, lane))
  }

  return {
    produce: job.variant === 'write' ? write : send,
    sendOne: (topic, value) => producer.send(topic, { value }),
    close: () => kafka.close(),
  }
}

async function consume(job: Job, run: ConsumeRun): Promise<void> {
  const { topic, groupId, tally } = run
  const kafka = kafkaOf(job)
  const consumer = kafka.consumer({ groupId, topics: [topic], startFrom: 'earliest' })
  if (job.variant === 'batches') {
    for await (const batch of consumer.batches()) {
      for (const { value } of batch) tally.add(value as Buffer) // the harness wrote no tombstones
      if (tally.isComplete) break
    }
  } else if (job.variant === 'run') {
    const running = consumer.run(({ value }) => tally.add(value as Buffer)) // as above
    await run.finished
    await consumer.close()
    await running
  } else {
    for await (const { value } of consumer) {
      tally.add(value as Buffer) // as above
      if (tally.isComplete) break
    }
  }
  await kafka.close()
}

const manifest = new URL('../../packages/odradek/package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string } // ours

await runWorker({ version, values: (job) => valuePool(job.valueBytes), openProducer, consume })
