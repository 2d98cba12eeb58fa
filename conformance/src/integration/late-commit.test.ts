/**
 * A commit that lands late on real Kafka (F2, semantics S2): a proxy in front of the broker keeps
 * one OffsetCommit back for longer than the client waits for it, and hands it over when a newer
 * commit has long been acknowledged. Kafka applies it, as it must: requests of another connection
 * have no order. That the group does not stay there is the client's doing.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrorCode } from '@odradek/protocol'
import type { Consumer } from 'odradek'
import { decodeCoordinatorRecord } from '../chaos/offsets-topic.ts'
import { readTopic } from '../chaos/read-topic.ts'
import { ownKafkaScenario, type Scenario } from './clusters.ts'

const OFFSET_COMMIT = 8
/** Of an answer about one partition: its error code, and three lists of tags that are empty. */
const AFTER_ERROR_CODE = 5
const REQUEST_TIMEOUT_MS = 4000
/**
 * Within a request timeout of the end of its connection: for so long the client reckons with it.
 */
const HELD_MS = 6000
const POLL_MS = 50

/** Passes everything on, but for the one commit that it is told to keep back for a while. */
class LateCommitProxy {
  readonly port: number
  readonly #sockets = new Set<Socket>()
  readonly #close: () => void
  /** Where connections go; known once the broker is there. */
  target = 0
  isArmed = false
  hasReleased = false
  /** How the broker answered what was kept back. */
  errorCode: number | undefined
  #handOver: (() => void) | undefined

  private constructor(port: number, close: () => void) {
    this.port = port
    this.#close = close
  }

  static async listen(): Promise<LateCommitProxy> {
    const server = createServer((client) => proxy.#serve(client))
    // Where the scenario is skipped nobody closes it.
    server.unref()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { readonly port: number }
    const proxy = new LateCommitProxy(port, () => server.close())
    return proxy
  }

  #serve(client: Socket): void {
    const broker = connect(this.target, '127.0.0.1')
    for (const socket of [client, broker]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    }
    let isHolding = false
    let pending = Buffer.alloc(0)
    client.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 6 && pending.length >= 4 + pending.readInt32BE(0)) {
        const end = 4 + pending.readInt32BE(0)
        const frame = pending.subarray(0, end)
        pending = pending.subarray(end)
        if (this.isArmed && frame.readInt16BE(4) === OFFSET_COMMIT) {
          this.isArmed = false
          isHolding = true
          const kept = Buffer.from(frame)
          this.#handOver = () => {
            broker.removeAllListeners('data')
            broker.once('data', (answer: Buffer) => {
              this.errorCode = answer.readInt16BE(answer.length - AFTER_ERROR_CODE)
            })
            broker.write(kept, () => {
              this.hasReleased = true
            })
          }
        } else if (!isHolding) broker.write(frame)
      }
    })
    broker.on('data', (chunk: Buffer) => void client.write(chunk))
    // What is kept back outlives its client, as a request in a broker's queue does.
    client.on('close', () => {
      if (!isHolding) broker.destroy()
    })
    broker.on('close', () => client.destroy())
  }

  get isHolding(): boolean {
    return this.#handOver !== undefined
  }

  /** Hands over what it keeps back. */
  handOver(): void {
    this.#handOver?.()
    this.#handOver = undefined
  }

  close(): void {
    this.#close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

async function take(consumer: Consumer, count: number): Promise<void> {
  let taken = 0
  for await (const record of consumer) {
    taken++
    if (taken < count) continue
    consumer.mark(record)
    break
  }
}

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await sleep(POLL_MS)
}

async function writtenTopic(it: Scenario): Promise<string> {
  const topic = await it.topic(1)
  await using producer = it.client().producer()
  const records = Array.from({ length: 300 }, (_, index) => ({ value: String(index) }))
  await producer.send(topic, records)
  return topic
}

const proxy = await LateCommitProxy.listen()
const secondProxy = await LateCommitProxy.listen()
const thirdProxy = await LateCommitProxy.listen()

ownKafkaScenario(
  'S2 a commit that the broker applies late, behind a newer one, is put right',
  { properties: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` } },
  async (it, kafka) => {
    proxy.target = Number(kafka.bootstrapServers.split(':')[1])
    try {
      const topic = await writtenTopic(it)
      const groupId = it.uniqueName('g')
      const consumer = it
        .client({ requestTimeoutMs: REQUEST_TIMEOUT_MS })
        .consumer({ groupId, topics: [topic], startFrom: 'earliest', enableAutoCommit: false })
      await take(consumer, 100)
      proxy.isArmed = true
      const first = consumer.commit()
      first.catch(() => undefined)
      const handingOver = sleep(HELD_MS).then(() => proxy.handOver())
      await take(consumer, 100)
      await consumer.commit()
      assert.equal(proxy.hasReleased, false)
      const accepted = async (): Promise<readonly (number | null)[]> => {
        const offsets: (number | null)[] = []
        await readTopic(it.client(), '__consumer_offsets', ({ key, value, timestamp }) => {
          const one = key === null ? undefined : decodeCoordinatorRecord(key, value, timestamp)
          if (one?.kind === 'offset' && one.groupId === groupId) offsets.push(one.offset)
        })
        return offsets
      }
      await handingOver
      await until(() => proxy.hasReleased)
      // Until it has landed, and something behind it.
      let offsets = await accepted()
      while (!offsets.includes(100) || offsets.at(-1) === 100) {
        await sleep(POLL_MS)
        offsets = await accepted()
      }
      // The late one did land behind a newer one, and was set right.
      const landedAt = offsets.lastIndexOf(100)
      assert.ok(landedAt > offsets.indexOf(200), offsets.join())
      await consumer.close()
      await using admin = it.client().admin()
      const [committed] = (await admin.committedOffsets(groupId)).get(topic) ?? []
      assert.equal(committed?.offset, 200)
    } finally {
      proxy.close()
    }
  },
)

for (const groupProtocol of ['classic', 'consumer'] as const) {
  // One Kafka for each: it has one address to advertise.
  const between = groupProtocol === 'classic' ? secondProxy : thirdProxy
  ownKafkaScenario(
    `S2 what a static member had on its way at close is refused (${groupProtocol})`,
    {
      properties: {
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${between.port}`,
        'group.consumer.min.session.timeout.ms': 3000,
        'group.consumer.session.timeout.ms': 3000,
        'group.consumer.min.heartbeat.interval.ms': 1000,
        'group.consumer.heartbeat.interval.ms': 1000,
      },
    },
    async (it, kafka) => {
      between.target = Number(kafka.bootstrapServers.split(':')[1])
      try {
        const topic = await writtenTopic(it)
        const groupId = it.uniqueName('g')
        const member = (): Consumer =>
          it.client({ requestTimeoutMs: 60_000 }).consumer({
            ...{ groupId, topics: [topic], startFrom: 'earliest' },
            // Nothing is committed before close, which commits what was processed.
            ...{ autoCommitIntervalMs: 600_000 },
            ...{ groupProtocol, groupInstanceId: 'pod-0' },
          })
        const before = member()
        await take(before, 100)
        between.isArmed = true
        const { uncommitted } = await before.close({ timeoutMs: 2000 })
        assert.deepEqual([uncommitted.length, between.isHolding], [1, true])
        const after = member()
        for await (const record of after) {
          if (record.offset < 299) continue
          after.mark(record)
          break
        }
        await after.commit()
        between.handOver()
        await until(() => between.errorCode !== undefined)
        const expected =
          groupProtocol === 'classic' ? ErrorCode.FENCED_INSTANCE_ID : ErrorCode.UNKNOWN_MEMBER_ID
        assert.equal(between.errorCode, expected)
        await using admin = it.client().admin()
        const [committed] = (await admin.committedOffsets(groupId)).get(topic) ?? []
        assert.equal(committed?.offset, 300)
        await after.close()
      } finally {
        between.close()
      }
    },
  )
}
