/** A member by Odradek. BOOTSTRAP_SERVERS GROUP TOPIC manual|automatic; see `main.ts`. */
import { Kafka } from 'odradek'
import { held, INTERVAL_MS, onCommands, say } from './lines.ts'

const [bootstrapServers = '', groupId = '', topic = '', mode] = process.argv.slice(2)
const kafka = new Kafka({ bootstrapServers, clientId: 'odradek' })
const owned = new Set<number>()
const tell = (): void => say(`assigned ${[...owned].join(',')}`)
const consumer = kafka.consumer({
  groupId,
  topics: [topic],
  startFrom: 'earliest',
  enableAutoCommit: mode === 'automatic',
  autoCommitIntervalMs: INTERVAL_MS,
  fetchMaxWaitMs: 200,
  onAssigned: (partitions) => {
    for (const { partition } of partitions) owned.add(partition)
    tell()
  },
  onRevoked: (partitions) => {
    for (const { partition } of partitions) owned.delete(partition)
    tell()
  },
})
const running = consumer.run(({ partition, offset }) => {
  say(`record ${partition} ${offset}`)
  return held()
})
await onCommands((offset) => consumer.seek({ topic, partition: 0, offset }))
await kafka.close()
await running
