// A loop that is blocked, a process that stands still: who keeps the session, and what is delivered
// and committed afterwards.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockInTrouble } from './blocked-in-trouble.test-kit.ts'
import { Kafka } from 'odradek'
import { GROUP, LivenessWorld, TOPIC } from './liveness-world.test-kit.ts'

test('blocked for 60 s with a session of 6 s: no rebalance, nothing lost, no commit goes back', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a')
    const b = world.reader('b')
    a.run()
    b.run()
    const stop = world.write(100)
    await world.sleep(8000)
    const generations = [...world.generations]
    a.heard.length = 0
    b.heard.length = 0
    a.host.blockLoop(60_000)
    await world.sleep(70_000)
    await stop()
    await world.sleep(2000)
    assert.deepEqual(world.generations, generations, 'no rebalance')
    assert.deepEqual([...a.heard, ...b.heard], [])
    assert.deepEqual(world.missing, [])
    assert.equal(world.stepsBack, 0)
    const [blocked, ...more] = a.events('eventLoopBlocked')
    assert.equal(more.length, 0)
    assert.ok(blocked !== undefined && blocked.blockedMs >= 59_500 && blocked.blockedMs <= 60_000)
    assert.ok(blocked.heartbeats >= 50, `${blocked.heartbeats} heartbeats`)
    assert.equal(blocked.isSessionAlive, true)
    assert.equal(blocked.inFlight?.topic, TOPIC)
    assert.deepEqual(b.events('eventLoopBlocked'), [])
  }))

test('without the heartbeat thread the same block costs the partitions', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { heartbeatThread: false })
    const b = world.reader('b')
    a.run()
    b.run()
    const stop = world.write(100)
    await world.sleep(8000)
    const generations = [...world.generations]
    a.host.blockLoop(60_000)
    await world.sleep(70_000)
    await stop()
    await world.sleep(2000)
    assert.ok(world.generations.length > generations.length)
    assert.ok(a.heard.some((line) => line.startsWith('lost')))
    assert.equal(a.events('eventLoopBlocked')[0]?.isSessionAlive, false)
    assert.deepEqual(world.missing, [])
  }))

test('one answer of the heartbeat thread is cut, another connection dies, the coordinator moves', () =>
  LivenessWorld.play(
    async (world) => {
      const a = world.reader('a')
      a.run()
      const stop = world.write(100)
      await world.sleep(8000)
      const generations = [...world.generations]
      a.heard.length = 0
      await blockInTrouble({
        ...{ small: world.small, process: a.host, groupId: GROUP },
        ...{ api: 'Heartbeat', blockMs: 60_000 },
      })
      await stop()
      await world.sleep(2000)
      assert.deepEqual(new Set(world.generations), new Set(generations))
      assert.deepEqual(a.heard, [])
      assert.deepEqual(world.missing, [])
      assert.equal(world.stepsBack, 0)
    },
    { broker: { brokers: 3, topics: { [TOPIC]: 4 } } },
  ))

test('half of the partitions go to another while the loop is blocked: S14, within its time', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a')
    a.run()
    const stop = world.write(100)
    await world.sleep(8000)
    a.heard.length = 0
    a.host.blockLoop(15_000)
    await world.sleep(3000)
    const b = world.reader('b')
    b.run()
    await world.sleep(30_000)
    await stop()
    await world.sleep(2000)
    assert.equal(a.consumer.assigned.length, 2)
    assert.equal(b.consumer.assigned.length, 2)
    assert.deepEqual(
      a.heard.filter((line) => line.startsWith('lost')),
      [],
    )
    assert.deepEqual(a.events('fenced'), [])
    assert.deepEqual(world.missing, [])
    assert.equal(world.stepsBack, 0)
  }))

test('a rebalance that outlasts its timeout while the loop is blocked costs the membership', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a')
    a.run()
    const stop = world.write(100)
    await world.sleep(8000)
    a.heard.length = 0
    a.host.blockLoop(60_000)
    await world.sleep(3000)
    const b = world.reader('b')
    b.run()
    const read = a.values.length
    await world.sleep(56_000)
    assert.equal(b.consumer.assigned.length, 4, 'the group went on without it')
    await world.sleep(1100)
    assert.equal(a.values.length, read, 'what it lost it does not deliver')
    await world.sleep(30_000)
    await stop()
    await world.sleep(2000)
    assert.equal(a.consumer.assigned.length, 2)
    assert.ok(a.heard[0]?.startsWith('lost'))
    assert.deepEqual(world.missing, [])
    assert.equal(world.stepsBack, 0)
  }))

test('a process that stood still beyond its session delivers nothing and commits nothing (S5)', () =>
  LivenessWorld.play(async (world) => {
    let letGo: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let isHeld = false
    const a = world.reader('a', { autoCommitIntervalMs: 60_000, heartbeatThread: true })
    // Buffered records, a handler at work, an unsent commit.
    a.run((value) => {
      if (Number(value) < 40) return undefined
      isHeld = true
      return held
    })
    const b = world.reader('b')
    b.run()
    const stop = world.write(50)
    await world.sleep(8000)
    assert.ok(isHeld)
    a.host.pause()
    await world.sleep(40_000)
    assert.equal(b.consumer.assigned.length, 4)
    const read = a.values.length
    const commitsBefore = world.commits.length
    const resumedAt = world.small.world.now
    const commit = a.consumer.commit().then(
      () => 'committed',
      (error: unknown) => String(error),
    )
    a.host.resume()
    letGo()
    let joinedAt = 0
    a.consumer.on('rebalanced', () => {
      joinedAt ||= world.small.world.now
    })
    await world.sleep(20)
    assert.equal(a.values.length, read, 'nothing is delivered before the session is verified')
    await world.sleep(30_000)
    await stop()
    await world.sleep(3000)
    assert.ok(joinedAt > resumedAt)
    assert.ok(a.heard.includes('lost 0 1') || a.heard.some((line) => line.startsWith('lost')))
    assert.match(await commit, /CommitFailedError/)
    assert.ok(world.commits.length > commitsBefore)
    assert.equal(world.stepsBack, 0)
    assert.deepEqual(world.missing, [])
  }))

test('after everybody has closed no timer, connection or thread is left', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a')
    a.run()
    await world.sleep(5000)
    assert.equal(a.host.leaks().threads, 1)
    await a.consumer.close()
    assert.equal(a.host.leaks().threads, 0)
  }))

test('tokens of a provider cannot be had in a thread: the heartbeat thread is off, and says why', () =>
  LivenessWorld.play(async (world) => {
    const { small } = world
    const sasl = { mechanism: 'oauthbearer', token: () => ({ value: 't' }) } as const
    const { bootstrapServers } = small.cluster
    const { environment } = small.process('a')
    const kafka = new Kafka({ bootstrapServers, sasl }, { environment })
    const consumer = kafka.consumer({ groupId: GROUP, topics: [TOPIC], startFrom: 'earliest' })
    const reasons: string[] = []
    consumer.on('heartbeatThreadUnavailable', ({ reason }) => reasons.push(reason))
    consumer.run(() => undefined).catch(() => undefined)
    await world.sleep(100)
    assert.match(reasons[0] ?? '', /sasl\.token is a function/)
    assert.equal(small.process('a').leaks().threads, 0)
    await kafka.close({ timeoutMs: 1000 })
  }))
