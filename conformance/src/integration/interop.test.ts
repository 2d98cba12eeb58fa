/**
 * Other people's clients against the embedded broker: what it claims to be, they must believe.
 * KafkaJS (in this process) and kcat, that is librdkafka (Debian's package, when it is installed).
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startBroker } from '@odradek/broker'
import kafkajs from 'kafkajs'
import { Kafka } from 'odradek'

const run = promisify(execFile)
const whyNoKcat = spawnSync('kcat', ['-V']).status === 0 ? false : 'skipped: kcat is not installed'
const VALUES = Array.from({ length: 100 }, (_, index) => `value ${index}`)

async function readAll(bootstrapServers: string, topic: string, count: number): Promise<string[]> {
  const kafka = new Kafka({ bootstrapServers })
  const consumer = kafka.consumer({ groupId: 'reader', topics: [topic], startFrom: 'earliest' })
  const values: string[] = []
  for await (const record of consumer) {
    values.push(`${String(record.key)} ${String(record.value)}`)
    if (values.length === count) break
  }
  await kafka.close()
  return values
}

test('KafkaJS produces to the embedded broker and consumes from it in a group of two', async () => {
  await using broker = await startBroker({ topics: { shared: 4 } })
  const kafka = new kafkajs.Kafka({
    brokers: [broker.bootstrapServers],
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  await producer.send({
    topic: 'shared',
    compression: kafkajs.CompressionTypes.GZIP,
    messages: VALUES.map((value, index) => ({ key: `k${index}`, value })),
  })
  await producer.disconnect()

  const seen = new Set<string>()
  const consumers = [1, 2].map(() =>
    kafka.consumer({ groupId: 'js', rebalanceTimeout: 3000, heartbeatInterval: 100 }),
  )
  try {
    await new Promise<void>((resolve, reject) => {
      const start = async (consumer: (typeof consumers)[number]): Promise<void> => {
        await consumer.connect()
        await consumer.subscribe({ topics: ['shared'], fromBeginning: true })
        await consumer.run({
          eachMessage: async ({ message }) => {
            seen.add(String(message.value))
            if (seen.size === VALUES.length) resolve()
          },
        })
      }
      Promise.all(consumers.map(start)).catch(reject)
    })
    const admin = kafka.admin()
    await admin.connect()
    const { groups } = await admin.describeGroups(['js'])
    assert.equal(groups[0]?.members.length, 2)
    await admin.disconnect()
  } finally {
    await Promise.all(consumers.map((consumer) => consumer.disconnect()))
  }
  assert.equal((await readAll(broker.bootstrapServers, 'shared', VALUES.length)).length, 100)
})

test('kcat produces to the embedded broker, consumes, and consumes in a group', {
  skip: whyNoKcat,
}, async () => {
  await using broker = await startBroker({ topics: { shared: 3 } })
  const { bootstrapServers } = broker
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const producing = run('kcat', [
      '-P',
      '-b',
      bootstrapServers,
      '-t',
      'shared',
      '-K',
      ':',
      '-z',
      codec,
    ])
    producing.child.stdin?.end(
      VALUES.slice(0, 20)
        .map((value) => `${codec}:${value}\n`)
        .join(''),
    )
    await producing
  }
  const ours = await readAll(bootstrapServers, 'shared', 100)
  const consumed = await run('kcat', [
    '-C',
    '-b',
    bootstrapServers,
    '-t',
    'shared',
    '-e',
    '-q',
    '-f',
    '%k %s\n',
  ])
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
  assert.deepEqual(lines(consumed.stdout).sort(), [...ours].sort())
  const group = ['-G', 'kcat-group', '-X', 'auto.offset.reset=earliest', '-c', '100', '-q']
  const inGroup = await run('kcat', ['-b', bootstrapServers, ...group, '-f', '%k %s\n', 'shared'])
  assert.deepEqual(lines(inGroup.stdout).sort(), [...ours].sort())
})
