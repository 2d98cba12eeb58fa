/**
 * Exactly once: invoices for orders, written together with the offsets of the orders, in one
 * transaction per batch. The first attempt fails on purpose; nobody sees anything of it.
 *
 *   BOOTSTRAP_SERVERS=localhost:9092 node examples/dist/exactly-once.js
 */
import { Kafka } from 'odradek'

const ORDERS = 20
const name = `orders-${Date.now()}`
const kafka = new Kafka({ bootstrapServers: process.env['BOOTSTRAP_SERVERS'] ?? 'localhost:9092' })
const admin = kafka.admin()
await admin.createTopics({ [name]: { partitions: 1 }, [`${name}-invoices`]: { partitions: 1 } })
const records = Array.from({ length: ORDERS }, (_, at) => ({ value: `order ${at}` }))
await kafka.producer().send(name, records)

// One name per producer that runs at the same time; the same one after a restart.
const producer = kafka.producer({ transactionalId: `${name}-1` })
const orders = kafka.consumer({
  groupId: name,
  topics: [name],
  startFrom: 'earliest',
  transactional: true,
})
let attempts = 0
let invoiced = 0
for await (const batch of orders.batches()) {
  const invoicing = producer.transaction(async (tx) => {
    for (const order of batch) {
      await tx.send(`${name}-invoices`, { value: `invoice for ${String(order.value)}` })
    }
    tx.consume(batch)
    if (++attempts === 1) throw new Error('the printer is on fire')
    return batch.partition
  })
  try {
    await invoicing
  } catch (error) {
    console.log(`Aborted: ${(error as Error).message}. The orders come again.`)
    continue
  }
  const [offset] = await orders.committed([{ topic: name, partition: batch.partition }])
  invoiced = offset ?? 0
  if (invoiced === ORDERS) break
}
console.log(`The group has committed ${invoiced} orders.`)

const invoices = kafka.consumer({
  partitions: [{ topic: `${name}-invoices`, partition: 0 }],
  startFrom: 'earliest',
  isolationLevel: 'read_committed',
})
let count = 0
for await (const invoice of invoices) {
  if (++count === ORDERS) {
    console.log(`${count} invoices can be read; the last is "${String(invoice.value)}".`)
    break
  }
}
await admin.deleteTopics([name, `${name}-invoices`])
await kafka.close()
