// A user's ES module, on the packages as they are installed.
import assert from 'node:assert/strict'
import { startBroker } from '@odradek/broker'
import { Kafka } from 'odradek'

const broker = await startBroker({ topics: { orders: 2 } })
const kafka = new Kafka({ bootstrapServers: broker.bootstrapServers })
const producer = kafka.producer({ compressionType: 'zstd' })
const receipts = await producer.send('orders', [{ value: 'one' }, { value: 'two' }])
assert.equal(receipts.length, 2)
const consumer = kafka.consumer({ groupId: 'g', topics: ['orders'], startFrom: 'earliest' })
const values = []
for await (const record of consumer) {
  if (values.push(String(record.value)) === 2) break
}
assert.deepEqual(values.sort(), ['one', 'two'])
await kafka.close()
await broker.close()
console.log('an ES module produces and consumes')
