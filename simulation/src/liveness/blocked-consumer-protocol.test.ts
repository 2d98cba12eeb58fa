// A loop that is blocked under KIP-848: the heartbeat thread keeps the session, whatever becomes of
// the epoch, and takes up and gives up nothing (S13).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockInTrouble } from './blocked-in-trouble.test-kit.ts'
import { CONSUMER_PROTOCOL, GROUP, LivenessWorld, TOPIC } from './liveness-world.test-kit.ts'

const BLOCK_MS = 60_000

test('KIP-848: blocked for 60 s with a session of 6 s: nothing moves, nothing is lost', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', CONSUMER_PROTOCOL)
    const b = world.reader('b', CONSUMER_PROTOCOL)
    a.run()
    b.run()
    const stop = world.write(100)
    await world.sleep(8000)
    const before = world.small.cluster.group(GROUP)?.generationId
    a.heard.length = 0
    b.heard.length = 0
    a.host.blockLoop(BLOCK_MS)
    await world.sleep(70_000)
    await stop()
    await world.sleep(2000)
    assert.equal(world.small.cluster.group(GROUP)?.generationId, before, 'no rebalance')
    assert.deepEqual([...a.heard, ...b.heard], [])
    assert.deepEqual(world.missing, [])
    assert.equal(world.stepsBack, 0)
    const [blocked, ...more] = a.events('eventLoopBlocked')
    assert.equal(more.length, 0)
    assert.ok((blocked?.heartbeats ?? 0) >= 50, `${blocked?.heartbeats} heartbeats`)
    assert.equal(blocked?.isSessionAlive, true)
    assert.deepEqual(
      [...a.events('heartbeatThreadUnavailable'), ...b.events('heartbeatThreadUnavailable')],
      [],
    )
  }))

test('KIP-848: without the heartbeat thread the same block costs the partitions', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { ...CONSUMER_PROTOCOL, heartbeatThread: false })
    const b = world.reader('b', CONSUMER_PROTOCOL)
    a.run()
    b.run()
    const stop = world.write(100)
    await world.sleep(8000)
    a.host.blockLoop(BLOCK_MS)
    await world.sleep(30_000)
    assert.equal(b.consumer.assigned.length, 4)
    await world.sleep(40_000)
    await stop()
    await world.sleep(2000)
    assert.ok(a.heard.some((line) => line.startsWith('lost')))
    assert.equal(a.events('eventLoopBlocked')[0]?.isSessionAlive, false)
    assert.deepEqual(world.missing, [])
  }))

test('KIP-848: answers are cut, the coordinator moves, while the loop is blocked', () =>
  LivenessWorld.play(
    async (world) => {
      const a = world.reader('a', CONSUMER_PROTOCOL)
      a.run()
      const stop = world.write(100)
      await world.sleep(8000)
      a.heard.length = 0
      await blockInTrouble({
        ...{ small: world.small, process: a.host, groupId: GROUP },
        ...{ api: 'ConsumerGroupHeartbeat', blockMs: BLOCK_MS },
      })
      await stop()
      await world.sleep(2000)
      assert.deepEqual(a.heard, [])
      assert.deepEqual(a.events('fenced'), [])
      assert.deepEqual(world.missing, [])
      assert.equal(world.stepsBack, 0)
    },
    { broker: { brokers: 3, topics: { [TOPIC]: 4 } } },
  ))

test('KIP-848: a revocation that outlasts its timeout while the loop is blocked costs the membership', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', CONSUMER_PROTOCOL)
    a.run()
    const stop = world.write(100)
    await world.sleep(8000)
    a.heard.length = 0
    const startedAt = world.small.world.now
    a.host.blockLoop(BLOCK_MS)
    await world.sleep(3000)
    const b = world.reader('b', CONSUMER_PROTOCOL)
    b.run()
    const read = a.values.length
    await world.sleep(BLOCK_MS - 4000)
    assert.equal(b.consumer.assigned.length, 4, 'the group went on without it')
    await world.sleep(startedAt + BLOCK_MS - world.small.world.now + 5)
    assert.equal(a.values.length, read, 'what it lost it does not deliver')
    assert.equal(a.events('eventLoopBlocked')[0]?.isSessionAlive, false)
    await world.sleep(30_000)
    await stop()
    await world.sleep(2000)
    assert.equal(a.consumer.assigned.length, 2)
    assert.ok(a.heard[0]?.startsWith('lost'))
    assert.equal(a.events('fenced').length, 1)
    assert.deepEqual(world.missing, [])
    assert.equal(world.stepsBack, 0)
  }))

test('KIP-848: what is assigned while the loop is blocked is taken up afterwards, and not before', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', CONSUMER_PROTOCOL)
    const b = world.reader('b', CONSUMER_PROTOCOL)
    a.run()
    b.run()
    await world.sleep(8000)
    a.heard.length = 0
    a.host.blockLoop(20_000)
    await world.sleep(5000)
    await b.consumer.close()
    await world.sleep(10_000)
    const [member] = world.small.cluster.group(GROUP)?.members ?? []
    assert.equal(member?.modern?.assigned.length, 4, 'the coordinator has given it everything')
    assert.deepEqual(a.heard, [])
    await world.sleep(10_000)
    assert.equal(a.heard.length, 1)
    assert.match(a.heard[0] ?? '', /^assigned/)
    assert.equal(a.consumer.assigned.length, 4)
    assert.deepEqual(a.events('fenced'), [])
  }))

test('KIP-848: after everybody has closed no timer, connection or thread is left', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', CONSUMER_PROTOCOL)
    a.run()
    await world.sleep(5000)
    assert.equal(a.host.leaks().threads, 1)
    await a.consumer.close()
    assert.equal(a.host.leaks().threads, 0)
  }))
