// @platformatic/kafka. Tried, and left at what needs the least CPU: 1,000 and 5,000 messages per
// call, 1 and 5 calls at a time, its batching stream; for reading a stream that holds 1,024 (its
// default) to 16,384 messages, 64 KiB to 1 MiB per partition, 1 to 10 MiB per fetch: the defaults
// cost two to three times as much. Idempotence means one request in flight; for concurrent single
// sends that nearly halves its speed, so there it may do without.
import { readFileSync } from 'node:fs'
import { Consumer, ProduceAcks, Producer } from '@platformatic/kafka'
import { runWorker, valuePool } from '../dist/worker/index.js'

const { version } = JSON.parse(
  readFileSync(new URL('node_modules/@platformatic/kafka/package.json', import.meta.url), 'utf8'),
)

const MESSAGES_PER_CALL = 1000

function clientOptions(job) {
  return { clientId: 'benchmark', bootstrapBrokers: job.bootstrapServers.split(',') }
}

async function openProducer(job, values) {
  const producer = new Producer({
    ...clientOptions(job),
    acks: ProduceAcks.ALL,
    idempotent: job.kind === 'produce',
  })
  return {
    async produce(topic, count) {
      for (let sent = 0; sent < count; ) {
        const messages = []
        const end = Math.min(count, sent + MESSAGES_PER_CALL)
        for (; sent < end; sent++) messages.push({ topic, value: values[sent % values.length] })
        await producer.send({ messages })
      }
    },
    sendOne: (topic, value) => producer.send({ messages: [{ topic, value }] }),
    close: () => producer.close(),
  }
}

async function consume(job, { topic, groupId, tally, finished }) {
  const consumer = new Consumer({ ...clientOptions(job), groupId })
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: 5000,
    highWaterMark: 16_384,
    maxBytes: 1_048_576,
    maxBytesPerPartition: 131_072,
  })
  if (job.variant === 'data') {
    stream.on('data', (message) => tally.add(message.value))
    await finished
  } else {
    for await (const message of stream) {
      tally.add(message.value)
      if (tally.isComplete) break
    }
  }
  await stream.close()
  await consumer.close(true)
}

await runWorker({ version, values: (job) => valuePool(job.valueBytes), openProducer, consume })
