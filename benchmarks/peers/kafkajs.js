// KafkaJS. Tried, and left at what needs the least CPU: calls of 200 to 5,000 messages (it copies
// the array of a partition's messages for each of them, so large calls cost more), and reading with
// 1 or 8 partitions at a time and 128 KiB to 1 MiB per partition. Its idempotent producer keeps
// order only with one request in flight; for concurrent single sends that halves its speed, so
// there it may do without.
import { createRequire } from 'node:module'
import { runWorker, valuePool } from '../dist/worker/index.js'

const require = createRequire(import.meta.url)
const { Kafka, logLevel } = require('kafkajs')
const { version } = require('kafkajs/package.json')

const MESSAGES_PER_CALL = 1000
const PARTITIONS = 8

function kafkaOf(job) {
  return new Kafka({
    clientId: 'benchmark',
    brokers: job.bootstrapServers.split(','),
    logLevel: logLevel.ERROR,
  })
}

async function openProducer(job, values) {
  const isIdempotent = job.kind === 'produce'
  const producer = kafkaOf(job).producer(
    isIdempotent ? { idempotent: true, maxInFlightRequests: 1 } : {},
  )
  await producer.connect()
  return {
    async produce(topic, count) {
      for (let sent = 0; sent < count; ) {
        const messages = []
        const end = Math.min(count, sent + MESSAGES_PER_CALL)
        for (; sent < end; sent++) messages.push({ value: values[sent % values.length] })
        await producer.send({ topic, messages, acks: -1 })
      }
    },
    sendOne: (topic, value) => producer.send({ topic, messages: [{ value }], acks: -1 }),
    close: () => producer.disconnect(),
  }
}

async function consume(job, { topic, groupId, tally, finished }) {
  const consumer = kafkaOf(job).consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const handlers =
    job.variant === 'eachBatch'
      ? {
          eachBatch: async ({ batch }) => {
            for (const message of batch.messages) tally.add(message.value)
          },
        }
      : { eachMessage: async ({ message }) => tally.add(message.value) }
  await consumer.run({
    ...handlers,
    partitionsConsumedConcurrently: PARTITIONS,
  })
  await finished
  await consumer.disconnect()
}

await runWorker({ version, values: (job) => valuePool(job.valueBytes), openProducer, consume })
