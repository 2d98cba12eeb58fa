/** KIP-392: a consumer with a rack reads from the replica that is near. */
import assert from 'node:assert/strict'
import { ownKafkaScenario } from './clusters.ts'

ownKafkaScenario(
  'records are read from the follower in the consumer’s rack, and from the leader when it is gone',
  { brokers: 3 },
  async (it, kafka) => {
    await using admin = it.client().admin()
    const topic = it.uniqueName('near')
    await admin.createTopics({ [topic]: { partitions: 1, replicationFactor: 3 } })
    const leader = (await admin.describeTopics([topic])).get(topic)?.partitions[0]?.leader ?? 0
    const near = leader === 3 ? 1 : leader + 1
    await using producer = it.client().producer()
    const send = async (from: number, to: number): Promise<void> => {
      const records = Array.from({ length: to - from }, (_, index) => ({
        value: `${from + index}`,
      }))
      await producer.send(topic, records)
    }
    await send(0, 100)
    const client = it.client({ clientRack: `rack-${near}` })
    const fetched = new Set<string>()
    client.on('connected', ({ broker, purpose }) => {
      if (purpose.startsWith('fetch')) fetched.add(broker)
    })
    const options = { groupId: topic, topics: [topic], startFrom: 'earliest' } as const
    await using consumer = client.consumer(options)
    const values: string[] = []
    const iterator = consumer[Symbol.asyncIterator]()
    const read = async (count: number): Promise<void> => {
      while (values.length < count) values.push(String((await iterator.next()).value?.value))
    }
    await read(100)
    const address = kafka.bootstrapServers.split(',')[near - 1] ?? ''
    assert.ok(fetched.has(address), [...fetched].join())
    await kafka.kill(near)
    await send(100, 200)
    await read(200)
    assert.deepEqual(
      values,
      Array.from({ length: 200 }, (_, index) => String(index)),
    )
    await iterator.return?.()
  },
)
