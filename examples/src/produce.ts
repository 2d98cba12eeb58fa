import { Kafka } from 'odradek'

const kafka = new Kafka({ bootstrapServers: process.env['BOOTSTRAP_SERVERS'] ?? 'localhost:9092' })
const producer = kafka.producer()

// One promise per call, when all in-sync replicas have it.
const { partition, offset } = await producer.send('orders', { key: 'o-1', value: '{"total":3}' })
console.log(`written to partition ${partition} at offset ${offset}`)

// Many records in one call; the receipts are in the order of the records.
const more = Array.from({ length: 100 }, (_, n) => ({ key: `o-${n}`, value: `{"total":${n}}` }))
const receipts = await producer.send('orders', more)
console.log(`${receipts.length} more are written`)

await kafka.close()
