/** A worker that ends well when it is told to: `kill -TERM`, Ctrl-C, a deployment. */
import { Kafka } from 'odradek'

const kafka = new Kafka({ bootstrapServers: process.env['BOOTSTRAP_SERVERS'] ?? 'localhost:9092' })
kafka.on('closedOnSignal', ({ signal, error }) => {
  console.log(`closed after ${signal}${error === undefined ? '' : `: ${error.message}`}`)
})
kafka.closeOnSignal({ timeoutMs: 10_000 })

const consumer = kafka.consumer({ groupId: 'worker', topics: ['orders'], startFrom: 'earliest' })
const producer = kafka.producer()

for await (const record of consumer) {
  console.log(`working on ${record.offset}`)
  // The signal may come here: this record is finished and committed, no other is begun.
  await new Promise((resolve) => setTimeout(resolve, 200))
  await producer.send('results', { key: record.key, value: `done with ${record.offset}` })
}

// The loop has ended, and everything is closed: what the program has open itself is its own to end.
console.log('the end')
