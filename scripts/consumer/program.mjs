// A user's program, run as it is by every runtime, and as one file by every bundler: it writes with
// every codec of CODECS, reads as a member of a group, and blocks its event loop for longer than its
// session, through which the heartbeat thread must keep it.
import assert from 'node:assert/strict'
import { Kafka } from 'odradek'

const SESSION_MS = 3000
const BLOCK_MS = 4000
const codecs = (process.env.CODECS ?? 'none,gzip,snappy,zstd,lz4').split(',')
const name = `program-${process.pid}-${Date.now()}`

async function main() {
  const kafka = new Kafka({ bootstrapServers: process.env.BOOTSTRAP_SERVERS })
  await kafka.admin().createTopics({ [name]: { partitions: 1, replicationFactor: 1 } })
  for (const compressionType of codecs) {
    const producer = kafka.producer({ compressionType })
    await producer.send(name, { key: compressionType, value: 'x'.repeat(1000) })
    await producer.close()
  }
  const consumer = kafka.consumer({
    groupId: name,
    topics: [name],
    startFrom: 'earliest',
    groupProtocol: 'classic',
    sessionTimeoutMs: SESSION_MS,
    heartbeatIntervalMs: 300,
  })
  const events = []
  consumer.on(
    'heartbeatThreadUnavailable',
    ({ reason }) => void events.push(`no heartbeat thread: ${reason}`),
  )
  consumer.on('fenced', ({ reason }) => void events.push(`fenced: ${reason}`))
  const blocks = []
  consumer.on('eventLoopBlocked', (event) => {
    // A busy machine blocks loops, too.
    if (event.blockedMs >= SESSION_MS) blocks.push(event)
  })
  const keys = []
  for await (const { key } of consumer) {
    keys.push(String(key))
    if (keys.length === 1) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const until = Date.now() + BLOCK_MS
      let turns = 0
      while (Date.now() < until) turns++
      // A loop without a result is dead code to a bundler.
      assert.ok(turns > 0)
      while (blocks.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    if (keys.length === codecs.length) break
  }
  assert.deepEqual(keys, codecs)
  assert.deepEqual(events, [])
  const [blocked] = blocks
  assert.equal(blocked.isSessionAlive, true)
  assert.ok(blocked.heartbeats > 0, `${blocked.heartbeats} heartbeats while the loop was blocked`)
  await kafka.close()
  console.log(`${codecs.join(', ')} and ${blocked.heartbeats} heartbeats of a blocked member`)
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
