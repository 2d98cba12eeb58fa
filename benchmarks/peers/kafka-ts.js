// kafka-ts. Its values are strings; its producer is always idempotent with acks=all, and joins
// concurrent calls by itself. Tried, and left at what needs the least CPU: 1,000 and 5,000 messages
// per call, 1 and 5 calls at a time, 64 KiB to 1 MiB per partition and fetch.
import { createRequire } from 'node:module'
import { runWorker, textPool } from '../dist/worker/index.js'

const require = createRequire(import.meta.url)
const { createKafkaClient, setLogger } = require('kafka-ts')
const { version } = require('kafka-ts/package.json')

const MESSAGES_PER_CALL = 1000
const EARLIEST = -2n
const quiet = () => undefined
setLogger({ debug: quiet, info: quiet, warn: console.error, error: console.error })

function kafkaOf(job) {
  const bootstrapServers = job.bootstrapServers.split(',').map((server) => {
    const [host, port] = server.split(':')
    return { host, port: Number(port) }
  })
  return createKafkaClient({ clientId: 'benchmark', bootstrapServers })
}

async function openProducer(job, values) {
  const producer = kafkaOf(job).createProducer({})
  return {
    async produce(topic, count) {
      for (let sent = 0; sent < count; ) {
        const messages = []
        const end = Math.min(count, sent + MESSAGES_PER_CALL)
        for (; sent < end; sent++) messages.push({ topic, value: values[sent % values.length] })
        await producer.send(messages)
      }
    },
    sendOne: (topic, value) => producer.send([{ topic, value }]),
    close: () => producer.close(),
  }
}

async function consume(job, { topic, groupId, tally, finished }) {
  const consumer = await kafkaOf(job).startConsumer({
    groupId,
    topics: [topic],
    fromTimestamp: EARLIEST,
    partitionMaxBytes: 131_072,
    onBatch: (messages) => {
      for (const message of messages) tally.addText(message.value)
    },
  })
  await finished
  await consumer.close()
}

await runWorker({ version, values: (job) => textPool(job.valueBytes), openProducer, consume })
