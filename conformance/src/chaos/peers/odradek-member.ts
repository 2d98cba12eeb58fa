/**
 * A member of a group by Odradek, with the arguments and the lines of the programs in
 * `conformance/interop`: BOOTSTRAP_SERVERS GROUP TOPIC STRATEGY [earliest|latest].
 */
import { Kafka } from 'odradek'
import { computeIfTold, say, untilInputEnds } from './lines.ts'

const [bootstrapServers = '', groupId = '', topic = '', strategy = '', start] =
  process.argv.slice(2)
const kafka = new Kafka({ bootstrapServers, clientId: 'odradek' })
const owned = new Set<number>()
const tell = (): void => say(`assigned ${[...owned].join(',')}`)
const forget = (gone: readonly { readonly partition: number }[]): void => {
  for (const { partition } of gone) owned.delete(partition)
  tell()
}
const consumer = kafka.consumer({
  groupId,
  topics: [topic],
  partitionAssignors: [strategy],
  startFrom: start === 'latest' ? 'latest' : 'earliest',
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 500,
  autoCommitIntervalMs: 200,
  fetchMaxWaitMs: 200,
  onAssigned: (come) => {
    for (const { partition } of come) owned.add(partition)
    tell()
  },
  onRevoked: forget,
  onLost: forget,
})
consumer.on('dataLoss', ({ partition, from, to, reason }) => {
  say(`failed dataLoss of partition ${partition}, ${from} to ${to}: ${reason}`)
})
const running = consumer
  .run(({ partition, offset, value }) => {
    say(`record ${partition} ${offset}`)
    computeIfTold(value)
  })
  .catch((error: unknown) => say(`failed ${String(error)}`))
await untilInputEnds()
await kafka.close()
await running
