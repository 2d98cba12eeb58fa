/**
 * A member of a share group as a process of its own, for scenarios that kill or suspend it:
 *
 *   node share-member.js BOOTSTRAP_SERVERS GROUP TOPIC
 *
 * It takes records and keeps them, and prints a line of JSON for each and for each late one.
 */
import { Kafka } from 'odradek'

const [bootstrapServers = '', groupId = '', topic = ''] = process.argv.slice(2)
const kafka = new Kafka({ bootstrapServers, clientId: 'share-member' })
const consumer = kafka.shareConsumer({ groupId, topics: [topic] })

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

consumer.on('acknowledgementLate', ({ offset }) => say({ late: offset }))
await consumer.run(
  async ({ offset, deliveryCount }) => {
    say({ offset, deliveryCount })
    // Held for ever: only the one who started this process ends it.
    await new Promise(() => {})
  },
  { concurrency: 4 },
)
