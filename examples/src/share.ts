/**
 * A share group as a queue of mails: three workers, of which each gets some, a mail that works only
 * at the second attempt, and one that nobody can send. It needs Apache Kafka 4.2 or newer:
 *
 *   BOOTSTRAP_SERVERS=localhost:9092 node examples/dist/share.js
 */
import { apis, json, Kafka, topic } from 'odradek'

interface Mail {
  readonly to: string
}
const MAILS = 20
const name = `mails-${Date.now()}`
const mails = topic(name, { value: json<Mail>() })
const kafka = new Kafka({ bootstrapServers: process.env['BOOTSTRAP_SERVERS'] ?? 'localhost:9092' })

const admin = kafka.admin()
await admin.createTopics({ [name]: { partitions: 1 } })
// Where a share group begins is a configuration of the group in the cluster; by default: the end.
const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
await kafka.request(apis.IncrementalAlterConfigs, {
  resources: [{ resourceType: 32, resourceName: name, configs }],
  validateOnly: false,
})
const records = Array.from({ length: MAILS }, (_, id) => ({ value: { to: `reader-${id}` } }))
await kafka.producer().send(mails, records)

let open = MAILS
let finish = (): void => {}
const finished = new Promise<void>((resolve) => {
  finish = resolve
})
const workers = ['a', 'b', 'c'].map((worker) => {
  const consumer = kafka.shareConsumer({
    groupId: name,
    topics: [mails],
    shareAcquireMode: 'record_limit',
    maxPollRecords: 4,
  })
  consumer.on('shareGroupConfigured', ({ text }) => {
    if (worker === 'a') console.log(text)
  })
  const run = consumer.run(async ({ offset, value }, { deliveryCount }) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (offset === 7 && deliveryCount === 1) throw new Error('no connection, try again later')
    if (--open === 0) finish()
    if (offset === 13) return 'reject'
    console.log(`${worker} sent ${value?.to} at attempt ${deliveryCount}`)
    return 'accept'
  })
  return { consumer, run }
})

await finished
for (const { consumer, run } of workers) {
  await consumer.close()
  await run
}
await admin.deleteTopics([name])
await kafka.close()
console.log('Every mail is sent, or rejected.')
