/**
 * A member of a KIP-848 group as a process of its own, for scenarios that kill it:
 *
 *   node consumer-protocol-member.js BOOTSTRAP_SERVERS GROUP TOPIC [INSTANCE_ID]
 *
 * It prints how many partitions it has, whenever that changes.
 */
import { Kafka } from 'odradek'

const [bootstrapServers = '', groupId = '', topic = '', groupInstanceId] = process.argv.slice(2)
const kafka = new Kafka({ bootstrapServers, clientId: 'consumer-protocol-member' })
const consumer = kafka.consumer({
  groupId,
  groupInstanceId,
  topics: [topic],
  startFrom: 'earliest',
  groupProtocol: 'consumer',
})
consumer.on('rebalanced', ({ assigned }) => process.stdout.write(`${assigned.length}\n`))
await consumer.run(() => {})
