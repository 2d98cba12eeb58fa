import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { PartialError } from '../errors/errors.ts'
import { json } from '../serdes/serdes.ts'
import { topic } from '../serdes/topic.ts'
import { failure, play, range } from './scene.test-kit.ts'

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
