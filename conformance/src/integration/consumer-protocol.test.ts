/** Groups under KIP-848 on a real Kafka: what only the broker's own rules can show. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { apis, type ClientEvents, UsageError } from 'odradek'
import { scenario, ownKafkaScenario, type Scenario } from './clusters.ts'
import {
  coordinated,
  counts,
  Reader,
  seen,
  send,
  setTimings,
  typeOf,
  until,
} from './consumer-protocol.test-kit.ts'

/** A member in a process of its own; resolves when it has partitions. */
async function killable(it: Scenario, groupId: string, topic: string, instanceId?: string) {
  const path = fileURLToPath(new URL('./consumer-protocol-member.js', import.meta.url))
  const args = [path, it.bootstrapServers, groupId, topic]
  const child = spawn(process.execPath, instanceId === undefined ? args : [...args, instanceId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let count = 0
  child.stdout.on('data', (chunk: Buffer) => {
    count = Number(String(chunk).trim().split('\n').at(-1))
  })
  await until(() => count > 0)
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

scenario('members join, leave and are killed: nothing is lost, all is read', async (it) => {
  const topic = await it.topic(6)
  const groupId = it.uniqueName('g')
  const options = { groupId, topics: [topic] }
  await setTimings(it.client(), groupId)
  const timings: ClientEvents['brokerGroupConfig'][] = []
  const a = new Reader(it.client(), options)
  a.consumer.on('brokerGroupConfig', (event) => timings.push(event))
  const b = new Reader(it.client(), options)
  const c = new Reader(it.client(), options)
  await until(() => counts(a, b, c) === '2,2,2')
  await send(it, topic, 0, 600)
  await until(() => seen(a, b, c).size === 600)
  await c.close()
  await until(() => counts(a, b) === '3,3')
  const killed = await killable(it, groupId, topic)
  await until(() => counts(a, b) === '2,2')
  await killed.kill()
  const killedAt = Date.now()
  await until(() => counts(a, b) === '3,3')
  assert.ok(Date.now() - killedAt < 15_000)
  await send(it, topic, 600, 1200)
  await until(() => seen(a, b, c).size === 1200)
  assert.deepEqual([...seen(a, b, c).values()].filter((times) => times > 1).length, 0)
  assert.deepEqual(
    [a, b, c].flatMap(({ lost, errors }) => [...lost, ...errors]),
    [],
  )
  const told = timings.at(-1)
  assert.deepEqual([told?.sessionTimeoutMs, told?.heartbeatIntervalMs], [3000, 500])
  for (const one of [a, b]) await one.close()
  await using admin = it.client().admin()
  assert.equal((await admin.lag(groupId)).lag, 0)
})

scenario('a static member that restarts revokes nothing of anybody', async (it) => {
  const topic = await it.topic(4)
  const groupId = it.uniqueName('g')
  const options = { groupId, topics: [topic] }
  const stays = new Reader(it.client(), { ...options, groupInstanceId: 'b' })
  const first = new Reader(it.client(), { ...options, groupInstanceId: 'a' })
  await until(() => counts(stays, first) === '2,2')
  const [before, rebalances, { length }] = [
    first.consumer.assigned,
    stays.rebalances.length,
    stays.revoked,
  ]
  await first.close()
  await sleep(1500)
  const again = new Reader(it.client(), { ...options, groupInstanceId: 'a' })
  await until(() => again.count === 2)
  assert.deepEqual(again.consumer.assigned, before)
  assert.deepEqual([stays.rebalances.length, stays.revoked.length], [rebalances, length])
  for (const one of [stays, again]) await one.close('leave')
})

scenario('S20 a pod that replaces a killed one waits for its session, and joins', async (it) => {
  const topic = await it.topic(2)
  const groupId = it.uniqueName('g')
  await setTimings(it.client(), groupId)
  const killed = await killable(it, groupId, topic, 'pod-0')
  await killed.kill()
  const pod = new Reader(it.client(), { groupId, topics: [topic], groupInstanceId: 'pod-0' })
  await until(() => pod.count === 2)
  assert.deepEqual(pod.errors, [])
  // A second pod of the same name while the first lives is told so.
  const twin = new Reader(it.client(), { groupId, topics: [topic], groupInstanceId: 'pod-0' })
  await until(() => twin.errors.length > 0)
  assert.match(String(twin.errors[0]), /Another member holds the group instance id "pod-0"/)
  await twin.close()
  assert.equal(pod.count, 2)
  await pod.close('leave')
})

scenario('a static member that the broker fences is back at once', async (it) => {
  const topic = await it.topic(2)
  const groupId = it.uniqueName('g')
  const kafka = it.client()
  const a = new Reader(it.client(), { groupId, topics: [topic], groupInstanceId: 'a' })
  await until(() => a.count === 2)
  const { memberId = '' } = a.consumer.groupMetadata() ?? {}
  // Somebody lets go of its place in its name: its next heartbeat is of an epoch that is none.
  await coordinated(kafka, groupId, async (nodeId) =>
    kafka.request(
      apis.ConsumerGroupHeartbeat,
      { groupId, memberId, memberEpoch: -2, instanceId: 'a' },
      { returnErrors: true, nodeId },
    ),
  )
  await until(() => a.lost.length > 0 && a.count === 2)
  assert.equal(a.consumer.groupMetadata()?.memberId, memberId)
  await send(it, topic, 0, 10)
  await until(() => seen(a).size === 10)
  await a.close('leave')
})

scenario('a member that was removed loses what it has, and joins anew', async (it) => {
  const topic = await it.topic(2)
  const groupId = it.uniqueName('g')
  const kafka = it.client()
  await send(it, topic, 0, 10)
  const a = new Reader(it.client(), { groupId, topics: [topic] })
  await until(() => seen(a).size === 10)
  await a.consumer.commit()
  const { memberId = '' } = a.consumer.groupMetadata() ?? {}
  await coordinated(kafka, groupId, async (nodeId) =>
    kafka.request(
      apis.ConsumerGroupHeartbeat,
      { groupId, memberId, memberEpoch: -1 },
      { returnErrors: true, nodeId },
    ),
  )
  await until(() => a.lost.length > 0 && a.count === 2)
  assert.deepEqual(a.lost, ['0,1'])
  assert.match(a.fenced[0] ?? '', /UNKNOWN_MEMBER_ID/)
  await send(it, topic, 10, 20)
  await until(() => seen(a).size === 20)
  assert.equal(a.values.length, 20)
  assert.deepEqual(a.revoked, [])
  await a.close()
})

scenario('heartbeats flow while a hook takes longer than a session', async (it) => {
  const topic = await it.topic(4)
  const groupId = it.uniqueName('g')
  await setTimings(it.client(), groupId)
  await send(it, topic, 0, 100)
  let isRevoking = false
  let overlap = 0
  const a = new Reader(it.client(), {
    groupId,
    topics: [topic],
    rebalanceTimeoutMs: 30_000,
    onRevoked: async () => {
      isRevoking = true
      await sleep(6000)
      isRevoking = false
    },
  })
  await until(() => seen(a).size === 100)
  const b = new Reader(it.client(), {
    groupId,
    topics: [topic],
    onAssigned: (partitions) => {
      if (isRevoking && partitions.length > 0) overlap++
    },
  })
  await until(() => isRevoking)
  await until(() => counts(a, b) === '2,2')
  assert.deepEqual([a.lost, a.fenced, overlap], [[], [], 0])
  // What was revoked had been committed before it was handed over.
  assert.equal(seen(a, b).size, 100)
  assert.equal(a.values.length + b.values.length, 100)
  await Promise.all([a.close(), b.close()])
})

scenario('a pattern reads topics that match, those that come later too', async (it) => {
  const prefix = it.uniqueName('pattern')
  const kafka = it.client()
  await using admin = kafka.admin()
  await admin.createTopics({ [`${prefix}-eu`]: { partitions: 2 }, [`x-${prefix}`]: {} })
  await send(it, `${prefix}-eu`, 0, 10)
  const groupId = it.uniqueName('g')
  const a = new Reader(it.client(), { groupId, topics: new RegExp(`^${prefix}-`) })
  await until(() => seen(a).size === 10)
  await admin.createTopics({ [`${prefix}-us`]: { partitions: 2 } })
  await send(it, `${prefix}-us`, 10, 20)
  await until(() => seen(a).size === 20)
  assert.equal(a.count, 4)
  await a.close()
})

scenario(
  'a group moves from classic to consumer and back, member by member',
  async (it) => {
    const topic = await it.topic(6)
    const groupId = it.uniqueName('g')
    const kafka = it.client()
    const make = (groupProtocol: 'classic' | 'consumer'): Reader =>
      new Reader(it.client(), {
        ...{ groupId, topics: [topic], groupProtocol },
        ...(groupProtocol === 'classic' ? { heartbeatIntervalMs: 300 } : {}),
      })
    let sent = 0
    const all: Reader[] = []
    /** One member after the other is replaced while records come in. */
    const roll = async (from: readonly Reader[], to: 'classic' | 'consumer'): Promise<Reader[]> => {
      const next: Reader[] = []
      for (const [index, old] of from.entries()) {
        const rest = from.slice(index + 1)
        await old.close()
        const fresh = make(to)
        all.push(fresh)
        next.push(fresh)
        await until(() => counts(...rest, ...next) === '2,2,2')
        await send(it, topic, sent, sent + 60)
        sent += 60
        await until(() => seen(...all).size === sent)
        // A classic member whose generation is behind when the group is converted begins anew.
        await sleep(1000)
      }
      return next
    }
    const classic = [1, 2, 3].map(() => make('classic'))
    all.push(...classic)
    await until(() => counts(...classic) === '2,2,2')
    assert.equal(await typeOf(kafka, groupId), 'classic')
    const consumers = await roll(classic, 'consumer')
    assert.equal(await typeOf(kafka, groupId), 'consumer')
    const again = await roll(consumers, 'classic')
    assert.equal(await typeOf(kafka, groupId), 'classic')
    await Promise.all(again.map((one) => one.close()))
    assert.equal(seen(...all).size, sent)
    assert.deepEqual([...seen(...all).values()].filter((times) => times > 1).length, 0)
    assert.deepEqual(
      all.flatMap(({ lost, errors }) => [...lost, ...errors]),
      [],
    )
  },
  { timeoutMs: 180_000 },
)

for (const version of ['4.4.0', '4.0.1'] as const) {
  ownKafkaScenario(
    'S5 commits go through while epochs go on',
    { version },
    async (it) => {
      const topic = await it.topic(8)
      const groupId = it.uniqueName('g')
      await setTimings(it.client(), groupId)
      await send(it, topic, 0, 4000)
      const a = new Reader(it.client(), { groupId, topics: [topic] })
      await until(() => a.count === 8)
      const over = new AbortController()
      let commits = 0
      const committing = (async () => {
        while (!over.signal.aborted) {
          await a.consumer.commit()
          commits++
          await sleep(1)
        }
      })()
      const others: Reader[] = []
      for (let round = 0; round < 3; round++) {
        const other = new Reader(it.client(), { groupId, topics: [topic] })
        others.push(other)
        await until(() => counts(a, other) === '4,4')
        await send(it, topic, 4000 + round * 100, 4100 + round * 100)
        await sleep(300)
        await other.close()
        await until(() => a.count === 8)
      }
      await until(() => seen(a, ...others).size === 4300)
      over.abort()
      await committing
      assert.ok(commits > 10)
      assert.deepEqual([a.lost, a.fenced, a.errors], [[], [], []])
      assert.equal([...seen(a, ...others).values()].filter((times) => times > 1).length, 0)
      await a.close()
      await using admin = it.client().admin()
      assert.equal((await admin.lag(groupId)).lag, 0)
    },
    { timeoutMs: 180_000 },
  )
}

ownKafkaScenario('the coordinator restarts: members stay members', {}, async (it, kafka) => {
  const topic = await it.topic(4)
  const groupId = it.uniqueName('g')
  const a = new Reader(it.client(), { groupId, topics: [topic] })
  const b = new Reader(it.client(), { groupId, topics: [topic] })
  await until(() => counts(a, b) === '2,2')
  await send(it, topic, 0, 100)
  await until(() => seen(a, b).size === 100)
  const ids = [a, b].map(({ consumer }) => consumer.groupMetadata()?.memberId)
  for (const how of ['stop', 'kill'] as const) {
    await kafka[how](1)
    await sleep(2000)
    await kafka.restart(1)
    const from = how === 'stop' ? 100 : 200
    await send(it, topic, from, from + 100)
    await until(() => seen(a, b).size === from + 100)
  }
  assert.deepEqual([a.fenced, a.lost, b.fenced, b.lost], [[], [], [], []])
  assert.deepEqual(
    [a, b].map(({ consumer }) => consumer.groupMetadata()?.memberId),
    ids,
  )
  await Promise.all([a.close(), b.close()])
})

ownKafkaScenario('another broker becomes the coordinator', { brokers: 3 }, async (it, kafka) => {
  const topic = await it.topic(6)
  const groupId = it.uniqueName('g')
  const client = it.client()
  const [a, b] = [1, 2].map(() => new Reader(it.client(), { groupId, topics: [topic] })) as [
    Reader,
    Reader,
  ]
  await until(() => counts(a, b) === '3,3')
  await send(it, topic, 0, 100)
  await until(() => seen(a, b).size === 100)
  const nodeId = await coordinated(client, groupId, async (id) => id)
  await kafka.stop(nodeId)
  await send(it, topic, 100, 200)
  await until(() => seen(a, b).size === 200)
  await until(async () => (await coordinated(client, groupId, async (id) => id)) !== nodeId)
  // A new member is taken in by the new coordinator, next to those that it inherited.
  const c = new Reader(it.client(), { groupId, topics: [topic] })
  await until(() => counts(a, b, c) === '2,2,2')
  assert.deepEqual([a.fenced, b.fenced, c.fenced], [[], [], []])
  for (const one of [a, b, c]) await one.close()
})

scenario('auto: what live members speak, else what the cluster has', async (it) => {
  const topic = await it.topic(2)
  const groupId = it.uniqueName('g')
  const choices: string[] = []
  const auto = (): Reader => {
    const reader = new Reader(it.client(), { groupId, topics: [topic], groupProtocol: 'auto' })
    reader.consumer.on('groupProtocolChosen', ({ protocol }) => choices.push(protocol))
    return reader
  }
  const first = auto()
  await until(() => first.count === 2)
  const second = auto()
  await until(() => counts(first, second) === '1,1')
  await Promise.all([first.close(), second.close()])
  const classic = new Reader(it.client(), { groupId, topics: [topic], groupProtocol: 'classic' })
  await until(() => classic.count === 2)
  const third = auto()
  await until(() => counts(classic, third) === '1,1')
  assert.deepEqual(choices, ['consumer', 'consumer', 'classic'])
  // Whoever closes before it is decided has nothing to leave.
  const hasty = auto()
  await hasty.close()
  await Promise.all([classic.close(), third.close()])
})

ownKafkaScenario(
  'without the feature: consumer says so, auto is classic',
  { features: ['group.version=0'] },
  async (it) => {
    const topic = await it.topic(2)
    const groupId = it.uniqueName('g')
    const refused = new Reader(it.client(), { groupId, topics: [topic] })
    await until(() => refused.errors.length > 0)
    assert.match(String(refused.errors[0]), /does not offer groupProtocol "consumer"/)
    await refused.close()
    const auto = new Reader(it.client(), { groupId, topics: [topic], groupProtocol: 'auto' })
    await until(() => auto.count === 2)
    await auto.close()
  },
)

scenario('what the broker or the client cannot do is said in a sentence', async (it) => {
  const topic = await it.topic(2)
  const kafka = it.client()
  const groupId = it.uniqueName('g')
  const assignor = new Reader(kafka, { groupId, topics: [topic], groupRemoteAssignor: 'magic' })
  await until(() => assignor.errors.length > 0)
  assert.match(String(assignor.errors[0]), /UNSUPPORTED_ASSIGNOR.*uniform, range/)
  const ranged = new Reader(kafka, { groupId, topics: [topic], groupRemoteAssignor: 'range' })
  await until(() => ranged.count === 2)
  await Promise.all([assignor.close(), ranged.close()])
  const base = { groupId, topics: [topic], startFrom: 'earliest' } as const
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ sessionTimeoutMs: 9000 }, /consumer\.session\.timeout\.ms/],
    [{ heartbeatIntervalMs: 900 }, /consumer\.heartbeat\.interval\.ms/],
    [{ partitionAssignors: ['range'] }, /groupRemoteAssignor/],
    [{ topics: /a/g }, /flag "g"/],
    [{ topics: /(?!a)/ }, /looks around/],
    [{ groupProtocol: 'classic', groupRemoteAssignor: 'range' }, /needs groupProtocol "consumer"/],
    [{ groupProtocol: 'modern' }, /"classic", "consumer", "auto"/],
  ]
  for (const [options, message] of refused) {
    assert.throws(
      () => kafka.consumer({ groupProtocol: 'consumer', ...base, ...options }),
      (error) => error instanceof UsageError && message.test(error.message),
    )
  }
})
