import { json, Kafka, string, topic } from 'odradek'

interface Order {
  readonly total: number
}
const orders = topic('orders', { key: string, value: json<Order>() })

const kafka = new Kafka({ bootstrapServers: process.env['BOOTSTRAP_SERVERS'] ?? 'localhost:9092' })
const consumer = kafka.consumer({ groupId: 'billing', topics: [orders], startFrom: 'earliest' })

// Leaves the group and commits what is processed; the loop below ends.
process.once('SIGTERM', () => void consumer.close())

for await (const { key, value, partition, offset } of consumer) {
  // Asking for the next record says that this one is processed: only then it is committed.
  console.log(`order ${key} of ${value?.total} (${partition}:${offset})`)
}
await kafka.close()
