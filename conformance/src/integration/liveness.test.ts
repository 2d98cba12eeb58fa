/** An event loop that is blocked for longer than the session (F5): who keeps the partitions. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Consumer, KafkaOptions } from 'odradek'
import { certificates } from '../kafka/certificates.ts'
import type { BlockedMemberOptions, Told } from './blocked-member.ts'
import { kafkaScenario, ownKafkaScenario, scenario, type Scenario } from './clusters.ts'
import { setTimings } from './consumer-protocol.test-kit.ts'

const BLOCK_MS = 13_000
const PARTITIONS = 4
const TIMEOUT_MS = 120_000
const CLASSIC = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 } as const
/** With a session of 3 s, which the group's configuration says. */
const KIP_848 = { groupProtocol: 'consumer' } as const

class BlockedMember {
  readonly told: Told[] = []
  readonly #process: ChildProcess
  #waiting: (() => void)[] = []

  constructor(options: BlockedMemberOptions) {
    const program = new URL('./blocked-member.js', import.meta.url)
    this.#process = fork(program, [JSON.stringify(options)], { stdio: 'inherit' })
    this.#process.on('message', (message) => {
      this.told.push(message as Told)
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  async until<What extends Told['what']>(what: What): Promise<Extract<Told, { what: What }>> {
    for (;;) {
      const found = this.told.find((one) => one.what === what)
      if (found !== undefined) return found as Extract<Told, { what: What }>
      const failed = this.told.find((one) => one.what === 'failed')
      if (failed?.what === 'failed') throw new Error(failed.reason)
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    }
  }

  /** The partitions of the member, once it has this many. */
  async partitions(count: number): Promise<readonly number[]> {
    for (;;) {
      const last = this.told.findLast((one) => one.what === 'assigned')
      if (last?.what === 'assigned' && last.partitions.length === count) return last.partitions
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    }
  }

  /** Closes the client; the process must then end by itself. */
  async end(): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.send('close')
    const [code] = (await exited) as [number | null]
    assert.equal(code, 0)
    assert.equal(this.told.at(-1)?.what, 'closed')
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }
}

interface Outcome {
  /** Rebalances that the other member saw while the first was blocked, and just after. */
  readonly rebalances: number
  readonly unblocked: Extract<Told, { what: 'unblocked' }>
  readonly told: readonly Told[]
}

async function block(
  it: Scenario,
  kafka: KafkaOptions,
  options: { readonly heartbeatThread: boolean; readonly groupProtocol?: 'consumer' },
): Promise<Outcome> {
  const topic = await it.topic(PARTITIONS)
  const groupId = it.uniqueName('group')
  const protocol = options.groupProtocol === undefined ? CLASSIC : KIP_848
  if (protocol === KIP_848) await setTimings(it.client(), groupId)
  const consumer = { groupId, topics: [topic], startFrom: 'earliest', ...protocol } as const
  const other: Consumer = it.client().consumer(consumer)
  let counts: number[] = []
  let onRebalance: () => void = () => undefined
  other.on('rebalanced', ({ assigned }) => {
    counts.push(assigned.length)
    onRebalance()
  })
  const share = async (): Promise<void> => {
    while (counts.at(-1) !== PARTITIONS / 2) {
      await new Promise<void>((resolve) => {
        onRebalance = resolve
      })
    }
  }
  const member = new BlockedMember({
    kafka,
    consumer: { ...consumer, ...options },
    blockMs: BLOCK_MS,
  })
  try {
    await member.until('assigned')
    const reading = other.run(() => undefined)
    await share()
    // The last step of the rebalance: both have settled when a second record arrives.
    await using producer = it.client().producer()
    const records = Array.from({ length: PARTITIONS }, (_, partition) => ({
      value: 'settle',
      partition,
    }))
    await producer.send(topic, records)
    const [own] = await member.partitions(PARTITIONS / 2)
    assert.ok(own !== undefined)
    counts = []
    await producer.send(topic, { value: 'block', partition: own })
    const unblocked = await member.until('unblocked')
    await producer.send(topic, { value: 'after', partition: own })
    const rebalances = counts.length
    await member.end()
    await other.close()
    await reading
    return { rebalances, unblocked, told: member.told }
  } finally {
    member.kill()
  }
}

function assertKept({ rebalances, unblocked, told }: Outcome): void {
  assert.equal(rebalances, 0, 'the other member saw no rebalance')
  assert.equal(unblocked.isSessionAlive, true)
  assert.ok(unblocked.heartbeats >= 8, `${unblocked.heartbeats} heartbeats`)
  assert.ok(!told.some(({ what }) => what === 'lost' || what === 'heartbeatThreadUnavailable'))
}

kafkaScenario(
  'a loop blocked for two sessions of 6 s keeps its partitions',
  async (it) => {
    assertKept(
      await block(it, { bootstrapServers: it.bootstrapServers }, { heartbeatThread: true }),
    )
  },
  { timeoutMs: TIMEOUT_MS },
)

kafkaScenario(
  'the same over TLS with SASL PLAIN',
  async (it, listeners) => {
    const kafka: KafkaOptions = {
      bootstrapServers: listeners.saslSsl,
      tls: { ca: certificates().ca.toString() },
      sasl: { mechanism: 'plain', username: 'alice', password: 'alice-secret' },
    }
    assertKept(await block(it, kafka, { heartbeatThread: true }))
  },
  { timeoutMs: TIMEOUT_MS },
)

kafkaScenario(
  'and over TLS with SCRAM',
  async (it, listeners) => {
    const kafka: KafkaOptions = {
      bootstrapServers: listeners.saslSsl,
      tls: { ca: certificates().ca.toString() },
      sasl: { mechanism: 'scram-sha-256', username: 'alice', password: 'alice-secret' },
    }
    assertKept(await block(it, kafka, { heartbeatThread: true }))
  },
  { timeoutMs: TIMEOUT_MS },
)

scenario(
  'KIP-848: a loop blocked for four sessions of 3 s keeps its partitions',
  async (it) => {
    const kafka = { bootstrapServers: it.bootstrapServers }
    assertKept(await block(it, kafka, { heartbeatThread: true, ...KIP_848 }))
  },
  { timeoutMs: TIMEOUT_MS },
)

scenario(
  'KIP-848: without the heartbeat thread the same block costs the partitions',
  async (it) => {
    const kafka = { bootstrapServers: it.bootstrapServers }
    const outcome = await block(it, kafka, { heartbeatThread: false, ...KIP_848 })
    assert.ok(outcome.rebalances > 0)
    assert.equal(outcome.unblocked.isSessionAlive, false)
  },
  { timeoutMs: TIMEOUT_MS },
)

kafkaScenario(
  'without the heartbeat thread the same block costs the partitions',
  async (it) => {
    const kafka = { bootstrapServers: it.bootstrapServers }
    const { rebalances, unblocked } = await block(it, kafka, { heartbeatThread: false })
    assert.ok(rebalances > 0)
    assert.equal(unblocked.heartbeats, 0)
    assert.equal(unblocked.isSessionAlive, false)
  },
  { timeoutMs: TIMEOUT_MS },
)

/** A member of a share group, blocked; whether the group counted it in all the time. */
async function blockSharer(it: Scenario, heartbeatThread: boolean) {
  const kafka = it.client()
  await using admin = kafka.admin()
  await using producer = kafka.producer()
  const topic = await it.topic(PARTITIONS)
  const groupId = it.uniqueName('share')
  await admin.alterShareGroupOffsets(groupId, { [topic]: 'earliest' })
  const member = new BlockedMember({
    kafka: { bootstrapServers: it.bootstrapServers },
    shareConsumer: { groupId, topics: [topic], heartbeatThread },
    blockMs: BLOCK_MS,
  })
  try {
    await member.until('assigned')
    const describe = async () => (await admin.describeGroups([groupId])).get(groupId)
    await producer.send(topic, { value: 'block', partition: 0 })
    await member.until('blocking')
    const before = await describe()
    const unblocked = await member.until('unblocked')
    const isKept = (await describe())?.epoch === before?.epoch
    await member.end()
    return { isKept, unblocked, told: member.told }
  } finally {
    member.kill()
  }
}

const SHARE_TIMINGS = {
  'group.share.min.session.timeout.ms': 3000,
  'group.share.session.timeout.ms': 6000,
  'group.share.min.heartbeat.interval.ms': 1000,
  'group.share.heartbeat.interval.ms': 1000,
}

ownKafkaScenario(
  'a share consumer blocked for two sessions of 6 s stays in its group, by its heartbeatThread alone',
  { properties: SHARE_TIMINGS },
  async (it) => {
    const { isKept, unblocked, told } = await blockSharer(it, true)
    assert.equal(isKept, true)
    assert.equal(unblocked.isSessionAlive, true)
    assert.ok(unblocked.heartbeats >= 8, `${unblocked.heartbeats} heartbeats`)
    assert.ok(!told.some(({ what }) => what === 'lost' || what === 'heartbeatThreadUnavailable'))
    const without = await blockSharer(it, false)
    assert.equal(without.isKept, false)
    assert.equal(without.unblocked.isSessionAlive, false)
  },
  { timeoutMs: TIMEOUT_MS },
)
