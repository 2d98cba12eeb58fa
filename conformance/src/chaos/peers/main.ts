/**
 * The same stories with other clients next to Odradek, on real Kafka:
 *
 *   npm run chaos:peers --workspace conformance [-- story ...]
 */
import { KafkaCluster } from '../../kafka/kafka-cluster.ts'
import { clients } from './peer-process.ts'
import { STORIES } from './stories.ts'

const given = process.argv.slice(2)
const chosen = STORIES.filter(
  ({ name }) => given.length === 0 || given.some((one) => name.startsWith(one)),
)
const all = clients((reason) => process.stderr.write(`${reason}\n`))
const kafka = await KafkaCluster.start()
try {
  for (const story of chosen) {
    const { name, text, columns } = story
    process.stdout.write(`### ${name}\n\n${text}\n\n| client | ${columns} |\n`)
    process.stdout.write(`|---${'|---'.repeat(columns.split('|').length)}|\n`)
    for (const client of all) {
      const line = await story.tell(client, kafka.bootstrapServers)
      process.stdout.write(`| ${client.name} | ${line} |\n`)
    }
    process.stdout.write('\n')
  }
} finally {
  await kafka.close()
}
