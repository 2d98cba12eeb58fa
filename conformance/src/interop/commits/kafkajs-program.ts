/** A member by KafkaJS. BOOTSTRAP_SERVERS GROUP TOPIC manual|automatic; see `main.ts`. */
import kafkajs from 'kafkajs'
import { held, INTERVAL_MS, onCommands, say } from './lines.ts'

const [bootstrapServers = '', groupId = '', topic = '', mode] = process.argv.slice(2)
const kafka = new kafkajs.Kafka({
  clientId: 'kafkajs',
  brokers: bootstrapServers.split(','),
  logLevel: kafkajs.logLevel.NOTHING,
})
const consumer = kafka.consumer({ groupId, heartbeatInterval: 500, maxWaitTimeInMs: 200 })
consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
  say(`assigned ${(memberAssignment[topic] ?? []).join(',')}`)
})
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: true })
await consumer.run({
  autoCommit: mode === 'automatic',
  autoCommitInterval: INTERVAL_MS,
  eachMessage: ({ partition, message }) => {
    say(`record ${partition} ${message.offset}`)
    return held()
  },
})
await onCommands((offset) => consumer.seek({ topic, partition: 0, offset: String(offset) }))
await consumer.disconnect()
