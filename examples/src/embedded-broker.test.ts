import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '@odradek/broker'
import { Kafka } from 'odradek'

test('an order survives the crash of a broker', async () => {
  const broker = await startBroker({ brokers: 3, topics: { orders: { partitions: 1 } } })
  const kafka = new Kafka({ bootstrapServers: broker.bootstrapServers })
  const producer = kafka.producer()

  await producer.send('orders', { value: 'before' })
  await broker.stop(broker.partition('orders', 0).leaderId, { abruptly: true })
  await producer.send('orders', { value: 'after' })

  const consumer = kafka.consumer({ groupId: 'g', topics: ['orders'], startFrom: 'earliest' })
  const values: string[] = []
  for await (const record of consumer) {
    if (values.push(String(record.value)) === 2) break
  }
  assert.deepEqual(values, ['before', 'after'])

  await kafka.close()
  await broker.close()
})
