// A user's CommonJS module, on the packages as they are installed.
const assert = require('node:assert/strict')
const { startBroker } = require('@odradek/broker')
const { Kafka } = require('odradek')

async function main() {
  const broker = await startBroker({ topics: { orders: 1 } })
  const kafka = new Kafka({ bootstrapServers: broker.bootstrapServers })
  const producer = kafka.producer({ compressionType: 'lz4' })
  await producer.send('orders', { key: 'k', value: 'one' })
  const consumer = kafka.consumer({ groupId: 'g', topics: ['orders'], startFrom: 'earliest' })
  for await (const record of consumer) {
    assert.equal(String(record.value), 'one')
    break
  }
  await kafka.close()
  await broker.close()
  console.log('a CommonJS module produces and consumes')
}
main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
