import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { ErrorCode } from '@odradek/protocol'
import { FakeCluster } from '../connection/fake-cluster.test-kit.ts'
import { PartialError } from '../errors/errors.ts'
import { Kafka } from '../kafka.ts'
import type { KafkaOptions } from '../options/client-options.ts'
import { json } from '../serdes/serdes.ts'
import { topic } from '../serdes/topic.ts'

interface Setting {
  readonly world: VirtualWorld
  readonly cluster: FakeCluster
  readonly kafka: Kafka
}

/** Plays a scene with a cluster of two brokers and a client, which must leave nothing behind. */
async function play(
  scene: (setting: Setting) => Promise<void>,
  options: Partial<KafkaOptions> = {},
  seed = 1,
): Promise<void> {
  const world = new VirtualWorld({ seed, link: { latencyMs: [1, 3] } })
  const cluster = new FakeCluster(world)
  await cluster.start(1)
  await cluster.start(2)
  const client = world.process('client')
  const { bootstrapServers } = cluster
  const kafka = new Kafka({ bootstrapServers, ...options }, { environment: client.environment })
  await world.run(scene({ world, cluster, kafka }), { timeoutMs: 600_000 })
  await world.run(
    kafka.close().catch(() => undefined),
    { timeoutMs: 60_000 },
  )
  await world.advance(1000)
  const left = Object.entries(client.leaks()).filter(([, count]) => count > 0)
  assert.deepEqual(left, [])
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => String(from + at))

/** The error that a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof Error, 'it was expected to fail')
  return outcome as Error & Record<string, unknown>
}

test('records are written in order, and receipts say where', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    const one = await producer.send('orders', { value: '0' })
    const more = await producer.send('orders', [{ value: '1' }, { value: '2' }])
    assert.deepEqual([one.topic, one.partition, one.offset], ['orders', 0, 0])
    assert.deepEqual(
      more.map(({ offset }) => offset),
      [1, 2],
    )
    assert.deepEqual(cluster.values('orders'), ['0', '1', '2'])
  }))

test('calls that were not awaited keep their order, also those made before metadata', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    const sent: Promise<unknown>[] = []
    for (let at = 0; at < 300; at++) {
      const record = { value: String(at) }
      if (at % 3 === 0) producer.write('orders', record)
      else if (at % 3 === 1) sent.push(producer.send('orders', record))
      else sent.push(producer.send('orders', [record]))
      if (at % 50 === 0) await Promise.resolve()
    }
    await Promise.all(sent)
    await producer.flush()
    assert.deepEqual(cluster.values('orders'), range(0, 300))
  }))

test('an awaited record that is alone does not linger; a written one does', () =>
  play(async ({ world, cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ lingerMs: 500 })
    await producer.send('orders', { value: 'warm' })
    const before = world.now
    await producer.send('orders', { value: 'alone' })
    assert.ok(world.now - before < 20, `it took ${world.now - before} ms`)
    producer.write('orders', { value: 'written' })
    await world.sleep(400)
    assert.equal(cluster.values('orders').length, 2)
    await world.sleep(200)
    assert.equal(cluster.values('orders').length, 3)
  }))

test('at most five batches of a partition are under way, and order survives a lost one', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ batchSize: 200 })
    await producer.send('orders', { value: 'warm' })
    let underWay = 0
    let most = 0
    let lost = 0
    cluster.fault = ({ api }) => {
      if (api !== 'Produce') return undefined
      underWay++
      most = Math.max(most, underWay)
      return lost++ === 3 ? { do: 'applyThenDrop' } : { delayMs: 10 }
    }
    await producer.send(
      'orders',
      range(0, 100).map((value) => ({ value })),
    )
    assert.deepEqual(cluster.values('orders').slice(1), range(0, 100))
  }))

for (const action of ['drop', 'applyThenDrop', 'swallow', 'applyThenSwallow'] as const) {
  test(`nothing is lost, doubled or reordered when requests ${action} at random`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await play(
        async ({ world, cluster, kafka }) => {
          cluster.createTopic('orders', 3)
          const producer = kafka.producer({
            batchSize: 300,
            requestTimeoutMs: 2000,
            deliveryTimeoutMs: 500_000,
          })
          const director = world.process('director').environment
          cluster.fault = ({ api }) =>
            api === 'Produce' && director.random.integer(5) === 0 ? { do: action } : undefined
          const sent = range(0, 300).map((value, at) =>
            producer.send('orders', { value, partition: at % 3 }),
          )
          await Promise.all(sent)
          for (const partition of [0, 1, 2]) {
            const expected = range(0, 300).filter((_, at) => at % 3 === partition)
            assert.deepEqual(cluster.values('orders', partition), expected, `seed ${seed}`)
          }
        },
        {},
        seed,
      )
    }
  })
}

test('a refusal of the first batch does not let the second in before it', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ batchSize: 200 })
    let produces = 0
    cluster.fault = ({ api }) =>
      api === 'Produce' && ++produces === 1
        ? { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS }
        : undefined
    await producer.send(
      'orders',
      range(0, 60).map((value) => ({ value })),
    )
    assert.deepEqual(cluster.values('orders'), range(0, 60))
  }))

test('leaders that move are followed, without loss or doubles', () =>
  play(async ({ world, cluster, kafka }) => {
    cluster.createTopic('orders', 2)
    const producer = kafka.producer({ batchSize: 300 })
    const sent: Promise<unknown>[] = []
    for (let round = 0; round < 10; round++) {
      for (const value of range(round * 20, round * 20 + 20)) {
        sent.push(producer.send('orders', { value, partition: Number(value) % 2 }))
      }
      await world.sleep(3)
      cluster.moveLeader('orders', round % 2, 1 + ((round + 1) % 2))
    }
    await Promise.all(sent)
    for (const partition of [0, 1]) {
      const expected = range(0, 200).filter((value) => Number(value) % 2 === partition)
      assert.deepEqual(cluster.values('orders', partition), expected)
    }
  }))

test('a batch that is too large together goes as two, four, ... with its numbers', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    cluster.maxBatchBytes = 400
    const producer = kafka.producer({ batchSize: 10_000 })
    const records = range(0, 100).map((value) => ({ value, key: 'k' }))
    const receipts = await producer.send('orders', records)
    assert.deepEqual(cluster.values('orders'), range(0, 100))
    assert.deepEqual(
      receipts.map(({ offset }) => offset),
      records.map((_, at) => at),
    )
    const epochs = cluster.partition('orders', 0).producers.values().next().value
    assert.equal(epochs?.epoch, 0, 'no new epoch was needed')
  }))

test('a record that no batch can hold fails alone, and what follows it is written once', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    cluster.maxBatchBytes = 300
    const producer = kafka.producer({ batchSize: 200 })
    const records = range(0, 30).map((value) => ({ value }))
    records[7] = { value: 'x'.repeat(1000) }
    const sent = records.map((record) => producer.send('orders', record))
    const error = await failure(sent[7] as Promise<unknown>)
    assert.deepEqual([error['code'], error['outcome']], ['MESSAGE_TOO_LARGE', 'notWritten'])
    await Promise.all(sent.filter((_, at) => at !== 7))
    const expected = range(0, 30).filter((value) => value !== '7')
    assert.deepEqual(cluster.values('orders'), expected)
  }))

test('of many records some of which fail, every one is told', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 2)
    const producer = kafka.producer()
    cluster.fault = ({ api, nodeId }) =>
      api === 'Produce' && nodeId === 2
        ? { errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }
        : undefined
    const error = await failure(
      producer.send('orders', [
        { value: 'a', partition: 0 },
        { value: 'b', partition: 1 },
      ]),
    )
    assert.ok(error instanceof PartialError)
    assert.equal((error.results.get('0') as { offset?: number }).offset, 0)
    const refused = error.results.get('1') as { code?: string; outcome?: string }
    assert.deepEqual([refused.code, refused.outcome], ['TOPIC_AUTHORIZATION_FAILED', 'notWritten'])
  }))

test('a serde that throws fails its record; those before it are written, those after not', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const orders = topic('orders', { value: json<unknown>() })
    const producer = kafka.producer()
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    await assert.rejects(producer.send(orders, { value: loop }), { code: 'ENCODE_FAILED' })
    const error = await failure(
      producer.send(orders, [{ value: 1 }, { value: loop }, { value: 2 }]),
    )
    assert.ok(error instanceof PartialError)
    assert.equal((error.results.get('0') as { offset?: number }).offset, 0)
    assert.equal((error.results.get('1') as { code?: string }).code, 'ENCODE_FAILED')
    assert.ok(error.results.get('2') instanceof Error)
    await producer.send(orders, { value: 3 })
    assert.deepEqual(cluster.values('orders'), ['1', '3'])
  }))

test('what is not delivered in time fails as unknown or not written, and numbers begin anew', () =>
  play(async ({ world, cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({
      requestTimeoutMs: 1000,
      deliveryTimeoutMs: 3000,
      maxInFlightRequestsPerConnection: 1,
    })
    await producer.send('orders', { value: 'before' })
    cluster.fault = ({ api }) => (api === 'Produce' ? { do: 'swallow' } : undefined)
    const sent = failure(producer.send('orders', { value: 'lost' }))
    await world.sleep(100)
    const waiting = failure(producer.send('orders', { value: 'never sent' }))
    assert.deepEqual((await sent)['outcome'], 'unknown')
    const { code, outcome, message } = await waiting
    assert.deepEqual([code, outcome], ['TIMED_OUT', 'notWritten'])
    assert.match(message, /did not answer Produce within 1000 ms|No broker answered/)
    cluster.fault = () => undefined
    await producer.send('orders', { value: 'after' })
    assert.deepEqual(cluster.values('orders'), ['before', 'after'])
    assert.equal([...cluster.partition('orders', 0).producers.values()][0]?.epoch, 1)
  }))

test('the broker that forgets a producer gets a new epoch, and no record twice', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ batchSize: 200 })
    let refused = 0
    cluster.fault = ({ api }) =>
      api === 'Produce' && ++refused === 3
        ? { errorCode: ErrorCode.UNKNOWN_PRODUCER_ID }
        : undefined
    await producer.send(
      'orders',
      range(0, 60).map((value) => ({ value })),
    )
    assert.deepEqual(cluster.values('orders'), range(0, 60))
  }))

test('a full buffer holds senders back in order, and is empty in the end', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ bufferMemory: 2000, batchSize: 500 })
    const sent = range(0, 500).map((value) => producer.send('orders', { value }))
    let most = 0
    cluster.fault = () => {
      most = Math.max(most, producer.bufferedBytes)
      return undefined
    }
    await Promise.all(sent)
    assert.ok(most > 0 && most <= 2000, `${most} bytes were buffered`)
    assert.equal(producer.bufferedBytes, 0)
    assert.deepEqual(cluster.values('orders'), range(0, 500))
  }))

test('a small record does not get past a large one that waits for room', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ bufferMemory: 2000, batchSize: 500 })
    await producer.send('orders', { value: 'warm' })
    const sent = [
      producer.send('orders', { value: 'a'.repeat(1500) }),
      producer.send('orders', { value: 'b'.repeat(1500) }),
      producer.send('orders', { value: 'c' }),
    ]
    await Promise.all(sent)
    assert.deepEqual(
      cluster.values('orders').map((value) => value[0]),
      ['w', 'a', 'b', 'c'],
    )
  }))

test('no room within maxBlockMs is an error that says so', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ bufferMemory: 1024, maxBlockMs: 200 })
    cluster.fault = ({ api }) => (api === 'Produce' ? { delayMs: 1000 } : undefined)
    const first = producer.send('orders', { value: 'x'.repeat(900) })
    const error = await failure(producer.send('orders', { value: 'y'.repeat(900) }))
    assert.equal(error['code'], 'TIMED_OUT')
    assert.match(error.message, /no room for a record within 200 ms/)
    await first
    await producer.send('orders', { value: 'z' })
  }))

test('write says when the buffer is full, drained when there is room, and who goes on is stopped', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ bufferMemory: 2000, batchSize: 500 })
    await producer.send('orders', { value: '0' })
    let fulls = 0
    for (let at = 1; at < 300; at++) {
      if (producer.write('orders', { value: String(at).padStart(100) })) continue
      fulls++
      await producer.drained()
      assert.ok(producer.bufferedBytes <= 1500)
    }
    assert.ok(fulls > 2)
    await producer.flush()
    const values = cluster.values('orders').map((value) => value.trim())
    assert.deepEqual(values, range(0, 300))
    assert.throws(
      () => {
        for (;;) producer.write('orders', { value: 'on and on' })
      },
      { code: 'BUFFER_FULL' },
    )
  }))

test('what write cannot deliver is an event with the records, and else fails flush and close', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    await producer.send('orders', { value: 'fine' })
    cluster.fault = ({ api }) =>
      api === 'Produce' ? { errorCode: ErrorCode.INVALID_RECORD } : undefined
    const heard: unknown[] = []
    const stop = producer.on('deliveryFailed', ({ recordCount, records }) =>
      heard.push(recordCount, ...records.map(({ key, value }) => [String(key), String(value)])),
    )
    producer.write('orders', { key: 'a', value: '1' })
    const sent = failure(producer.send('orders', { value: 'awaited' }))
    producer.write('orders', { key: 'b', value: '2' })
    await producer.flush()
    assert.equal((await sent)['code'], 'INVALID_RECORD')
    assert.deepEqual(heard, [2, ['a', '1'], ['b', '2']], 'the awaited one is not among them')
    stop()
    producer.write('orders', { value: '3' })
    producer.write('orders', { value: '4' })
    const error = await failure(producer.flush())
    assert.ok(error instanceof PartialError)
    assert.match(error.message, /2 records of write\(\) were not delivered/)
    producer.write('orders', { value: '5' })
    await assert.rejects(producer.close(), PartialError)
  }))

test('a topic that does not exist is an error after a short grace, for send and for write', () =>
  play(async ({ world, cluster, kafka }) => {
    const producer = kafka.producer()
    const before = world.now
    const error = await failure(producer.send('nowhere', { value: 'x' }))
    assert.equal(error['code'], 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.ok(world.now - before >= 4000 && world.now - before < 8000)
    producer.write('nowhere', { value: 'x' })
    await assert.rejects(producer.flush(), /UNKNOWN_TOPIC|no topic "nowhere"/)
    cluster.createTopic('nowhere', 1)
    await producer.send('nowhere', { value: 'x' })
  }))

test('a topic that is recreated with another id takes what follows', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    await producer.send('orders', { value: 'old' })
    cluster.topics.delete('orders')
    cluster.createTopic('orders', 1)
    const receipt = await producer.send('orders', { value: 'new' })
    assert.equal(receipt.offset, 0)
    assert.deepEqual(cluster.values('orders'), ['new'])
  }))

test('new partitions are used after a refresh, and at once when they are asked for', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    await producer.send('orders', { value: 'a' })
    cluster.createTopic('orders', 4)
    const receipt = await producer.send('orders', { value: 'b', partition: 3 })
    assert.equal(receipt.partition, 3)
    await assert.rejects(producer.send('orders', { value: 'c', partition: 4 }), {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      message: 'Topic orders has the partitions 0 to 3; there is no 4.',
    })
  }))

test('a signal ends the wait with its reason, before and after the record is in a batch', () =>
  play(async ({ world, cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    const reason = new Error('enough')
    const early = new AbortController()
    early.abort(reason)
    assert.equal(await failure(producer.send('orders', { value: 'a' }, early)), reason)
    const late = new AbortController()
    const sent = failure(producer.send('orders', { value: 'b' }, late))
    late.abort(reason)
    assert.equal(await sent, reason)
    await producer.send('orders', { value: 'c' })
    const under = new AbortController()
    cluster.fault = ({ api }) => (api === 'Produce' ? { delayMs: 100 } : undefined)
    const waiting = failure(producer.send('orders', { value: 'd' }, under))
    await world.sleep(20)
    under.abort(reason)
    assert.equal(await waiting, reason)
    await producer.flush()
    assert.deepEqual(cluster.values('orders'), ['c', 'd'], 'b was never sent, d was under way')
  }))

test('close delivers what was sent, and refuses what comes after', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ lingerMs: 10_000 })
    const sent = producer.send('orders', { value: 'before metadata' })
    producer.write('orders', { value: 'written' })
    await producer.close()
    assert.equal((await sent).offset, 0)
    assert.deepEqual(cluster.values('orders'), ['before metadata', 'written'])
    await assert.rejects(producer.send('orders', { value: 'late' }), { code: 'CLOSED' })
    assert.throws(() => producer.write('orders', { value: 'late' }), { code: 'CLOSED' })
    assert.equal(await producer.close(), undefined)
  }))

test('close gives up after its time and says what became of each record', () =>
  play(async ({ world, cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer({ maxInFlightRequestsPerConnection: 1 })
    await producer.send('orders', { value: 'warm' })
    cluster.fault = ({ api }) => (api === 'Produce' ? { do: 'swallow' } : undefined)
    const sent = failure(producer.send('orders', { value: 'under way' }))
    await world.sleep(50)
    const waiting = failure(producer.send('orders', { value: 'waiting' }))
    producer.write('nowhere', { value: 'in line' })
    const before = world.now
    const closed = await failure(producer.close({ timeoutMs: 1000 }))
    assert.ok(world.now - before <= 1100, `it took ${world.now - before} ms`)
    assert.match(closed.message, /1 records of write/)
    assert.equal((await sent)['outcome'], 'unknown')
    assert.equal((await waiting)['outcome'], 'notWritten')
  }))

test('wrong records are refused with a sentence', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    await producer.send('orders', { value: 'fine' })
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      ['text', /must be an object like/],
      [Buffer.from('x'), /it is bytes/],
      [null, /it is null/],
      [{ value: 7 }, /must be a string, bytes or null; it is number/],
      [{ value: 'x', timestamp: 1.5 }, /whole number of ms/],
      [{ value: 'x', headers: { a: 1 } }, /header "a"/],
      [{ value: 'x', partition: -1 }, /is no partition/],
      [{ value: 'x'.repeat(2_000_000) }, /larger than "maxRequestSize"/],
    ]
    for (const [record, message] of wrong) {
      const error = await failure(producer.send('orders', record as { value: string }))
      assert.match(error.message, message)
      if (record !== null) {
        assert.throws(() => producer.write('orders', record as { value: string }), message)
      }
    }
    assert.deepEqual(cluster.values('orders'), ['fine'])
  }))

for (const options of [{ acks: 1 }, { acks: 0 }, { compressionType: 'gzip' }] as const) {
  test(`records arrive in order with ${JSON.stringify(options)}`, () =>
    play(async ({ world, cluster, kafka }) => {
      cluster.createTopic('orders', 1)
      const producer = kafka.producer({ batchSize: 300, ...options })
      const receipts = await producer.send(
        'orders',
        range(0, 100).map((value) => ({ value })),
      )
      const isTold = !('acks' in options) || options.acks !== 0
      assert.equal(receipts[99]?.offset, isTold ? 99 : null)
      await producer.close()
      await world.sleep(100)
      assert.deepEqual(cluster.values('orders'), range(0, 100))
    }))
}
