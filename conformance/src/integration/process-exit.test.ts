/** A process ends by itself once everything that it made from a client is closed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { scenario } from './clusters.ts'

const run = promisify(execFile)

const PROGRAM = `
import { Kafka } from ${JSON.stringify(import.meta.resolve('odradek'))}
const [bootstrapServers, topic] = process.argv.slice(1)
const kafka = new Kafka({ bootstrapServers })
const producer = kafka.producer()
await producer.send(topic, { value: 'x' })
await producer.close()
const consumer = kafka.consumer({ groupId: topic, topics: [topic], startFrom: 'earliest' })
for await (const record of consumer) {
  console.log(String(record.value))
  break
}
await consumer.close()
`

scenario(
  'a process ends once its producers and consumers are closed, without kafka.close()',
  async (it) => {
    const topic = await it.topic()
    const args = ['--input-type=module', '--eval', PROGRAM, it.bootstrapServers, topic]
    const { stdout } = await run(process.execPath, args, { timeout: 30_000 })
    assert.equal(stdout, 'x\n')
  },
)
