/**
 * A member of a group by KafkaJS, with the arguments and the lines of the programs in
 * `conformance/interop`: BOOTSTRAP_SERVERS GROUP TOPIC STRATEGY [earliest|latest].
 */
import kafkajs from 'kafkajs'
import { computeIfTold, say, untilInputEnds } from './lines.ts'

const [bootstrapServers = '', groupId = '', topic = '', , start] = process.argv.slice(2)
const kafka = new kafkajs.Kafka({
  clientId: 'kafkajs',
  brokers: bootstrapServers.split(','),
  logLevel: kafkajs.logLevel.NOTHING,
})
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: 10_000,
  heartbeatInterval: 500,
  maxWaitTimeInMs: 200,
})
consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
  say(`assigned ${(memberAssignment[topic] ?? []).join(',')}`)
})
consumer.on(consumer.events.CRASH, ({ payload: { error } }) => say(`failed ${error.message}`))
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: start !== 'latest' })
await consumer.run({
  autoCommitInterval: 200,
  eachMessage: ({ partition, message }) => {
    say(`record ${partition} ${message.offset}`)
    computeIfTold(message.value)
    return Promise.resolve()
  },
})
await untilInputEnds()
await consumer.disconnect()
