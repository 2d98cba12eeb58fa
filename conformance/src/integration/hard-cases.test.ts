/**
 * Trouble that the simulation plays in a thousand ways, played once on real brokers: a topic made
 * anew, a process that stood still, a zombie's handler, a coordinator that answers nothing.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEvent } from '@odradek/simulation'
import type { Consumer } from 'odradek'
import { MemberProcess } from '../chaos/member-process.ts'
import { kafkaScenario, ownKafkaScenario, type Scenario, scenario } from './clusters.ts'

const SESSION_MS = 3000
const POLL_MS = 20
const PATIENCE_MS = 30_000

/** A test that waits in vain must fail by itself, so that its processes are ended. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await isSo()); waitedMs += POLL_MS) {
    if (waitedMs > PATIENCE_MS) throw new Error(`not within ${PATIENCE_MS} ms: ${String(isSo)}`)
    await sleep(POLL_MS)
  }
}

async function write(it: Scenario, topic: string, from: number, to: number): Promise<void> {
  await using producer = it.client().producer()
  const records = Array.from({ length: to - from }, (_, index) => ({ value: String(from + index) }))
  await producer.send(topic, records)
}

/** Processes so many records and leaves the loop. */
async function take(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = []
  for await (const record of consumer) {
    values.push(String(record.value))
    if (values.length < count) continue
    consumer.mark(record)
    break
  }
  return values
}

scenario('S11 a topic deleted and made anew behind a running consumer is read on', async (it) => {
  const topic = await it.topic(1)
  await write(it, topic, 0, 50)
  const options = { groupId: it.uniqueName('g'), topics: [topic], startFrom: 'earliest' } as const
  const consumer = it.client({ metadataMaxAgeMs: 1000 }).consumer(options)
  assert.equal((await take(consumer, 50)).length, 50)
  const next = take(consumer, 60)
  await using admin = it.client().admin()
  await admin.deleteTopics([topic])
  await until(async () => !(await admin.listTopics()).has(topic))
  await admin.createTopics({ [topic]: { partitions: 1 } })
  await write(it, topic, 100, 160)
  assert.deepEqual((await next).slice(0, 3), ['100', '101', '102'])
  await consumer.close()
})

kafkaScenario(
  'S17 a process that stood still beyond its session delivers nothing when it wakes',
  async (it) => {
    const topic = await it.topic(4)
    const groupId = it.uniqueName('g')
    const heard: HistoryEvent[] = []
    const member = (actor: string): MemberProcess => {
      const consumer = {
        ...({ groupId, topics: [topic], startFrom: 'earliest' } as const),
        ...{ sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: 500, autoCommitIntervalMs: 200 },
      } as const
      const kafka = { bootstrapServers: it.bootstrapServers, clientId: actor }
      return new MemberProcess({ actor, kafka, consumer, style: 'records', workMs: 0 }, (line) => {
        if ('event' in line) heard.push({ at: line.at, ...line.event })
      })
    }
    const has = (actor: string, count: number): boolean => {
      const owned = heard
        .filter((event) => 'actor' in event && event.actor === actor)
        .reduce((sum, event) => {
          if (event.type === 'assigned') return sum + event.partitions.length
          const isLess = event.type === 'revoked' || event.type === 'lost'
          return isLess ? sum - event.partitions.length : sum
        }, 0)
      return owned === count
    }
    const [sleeper, other] = [member('sleeper'), member('other')]
    const writer = new AbortController()
    const writing = (async () => {
      await using producer = it.client().producer()
      for (let number = 0; !writer.signal.aborted; number++) {
        await producer.send(topic, { value: String(number), partition: number % 4 })
        await sleep(5)
      }
    })()
    try {
      await until(() => has('sleeper', 2) && has('other', 2))
      sleeper.stop()
      await until(() => has('other', 4))
      await sleep(500)
      const wokeAt = performance.timeOrigin + performance.now()
      sleeper.resume()
      await until(() => has('sleeper', 2) && has('other', 2))
      const woken = heard.filter((event) => 'actor' in event && event.actor === 'sleeper')
      const after = woken.filter(({ at }) => at > wokeAt)
      const againAt = after.findIndex(({ type }) => type === 'assigned')
      const between = after.slice(0, againAt).map(({ type }) => type)
      assert.ok(between.includes('lost'), between.join())
      assert.ok(!between.includes('delivered'), between.join())
      // What both processed is what the topic holds, and nothing twice but what was uncommitted.
      writer.abort()
      await writing
      await using admin = it.client().admin()
      await until(async () => (await admin.lag(groupId)).lag === 0)
    } finally {
      writer.abort()
      await Promise.all([sleeper.kill(), other.kill()])
    }
  },
)

scenario(
  'S6 what a zombie finishes after its partition went to another is not committed',
  async (it) => {
    const topic = await it.topic(1)
    await write(it, topic, 0, 60)
    const groupId = it.uniqueName('g')
    const options = {
      ...({ groupId, topics: [topic], startFrom: 'earliest', rebalanceTimeoutMs: 1500 } as const),
      ...{ autoCommitIntervalMs: 200, sessionTimeoutMs: 6000, heartbeatIntervalMs: 300 },
    } as const
    const first = it.client().consumer(options)
    let finishZombie: () => void = () => undefined
    const stuck = new Promise<void>((resolve) => {
      finishZombie = resolve
    })
    const handled: number[] = []
    const zombie = first
      .run(async ({ offset }) => {
        if (offset === 50) await stuck
        handled.push(offset)
      })
      .catch(() => undefined)
    await until(() => handled.at(-1) === 49)
    // Closing gives up the record in hand, and with it the partition.
    const closing = first.close({ timeoutMs: 1000 })
    const second = it.client().consumer(options)
    assert.deepEqual(await take(second, 2), ['50', '51'])
    await second.commit()
    finishZombie()
    await closing
    await zombie
    await using admin = it.client().admin()
    const [committed] = (await admin.committedOffsets(groupId)).get(topic) ?? []
    assert.equal(committed?.offset, 52)
    await second.close()
  },
)

ownKafkaScenario(
  'S3 close ends in time while the coordinator answers nothing, and says what is uncommitted',
  { brokers: 1 },
  async (it, kafka) => {
    const topic = await it.topic(1)
    await write(it, topic, 0, 10)
    const groupId = it.uniqueName('g')
    const client = it.client()
    const consumer = client.consumer({
      ...({ groupId, topics: [topic], startFrom: 'earliest', enableAutoCommit: false } as const),
    })
    await take(consumer, 10)
    const [nodeId = 1] = kafka.nodeIds
    kafka.pause(nodeId)
    try {
      const waiting = consumer.commit().then(
        () => 'committed',
        () => 'refused',
      )
      const startedAt = performance.now()
      const { uncommitted } = await consumer.close({ timeoutMs: 3000 })
      assert.ok(performance.now() - startedAt < 6000)
      assert.deepEqual(uncommitted, [{ topic, partition: 0, offset: 10 }])
      assert.equal(await waiting, 'refused')
    } finally {
      kafka.resume(nodeId)
    }
  },
)
