import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { PartialError } from '../errors/errors.ts'
import { failure, play, range } from './scene.test-kit.ts'

test("a partitioner chooses in place of Kafka's own, and must choose what there is", () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 3)
    const producer = kafka.producer({
      partitioner: ({ key, partitionCount }) => (key === null ? partitionCount : key.length - 1),
    })
    assert.equal((await producer.send('orders', { key: 'ab', value: 'x' })).partition, 1)
    assert.equal((await producer.send('orders', { key: 'abc', value: 'x' })).partition, 2)
    const { message } = await failure(producer.send('orders', { value: 'x' }))
    assert.match(message, /The partitioner returned 3 for a record of topic orders.*from 0 to 2/)
  }))

test('a partitioner that returns anything but the number of a partition is refused', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 3)
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /returned undefined for/],
      [null, /returned null for/],
      [Number.NaN, /returned NaN for/],
      [-1, /returned -1 for/],
      [1.5, /returned 1.5 for/],
      [3, /returned 3 for/],
      ['1', /returned "1" for/],
      [1n, /returned 1n for/],
      [Promise.resolve(1), /returned a promise for/],
    ]
    for (const [given, message] of wrong) {
      const producer = kafka.producer({ partitioner: () => given as number })
      for (const records of [{ value: 'x' }, { key: 'a', value: 'x' }]) {
        const { code, message: told } = await failure(producer.send('orders', records))
        assert.equal(code, 'UNKNOWN_TOPIC_OR_PARTITION')
        assert.match(told, message)
      }
      await assert.rejects(producer.send('orders', [{ value: 'x' }]), message)
    }
    assert.deepEqual(
      cluster.seen.filter(({ api }) => api === 'Produce'),
      [],
    )
  }))

test('requests stay below maxRequestSize, and every partition gets its turn', () =>
  play(async ({ cluster, kafka }) => {
    cluster.createTopic('orders', 8)
    const producer = kafka.producer({ maxRequestSize: 3000, batchSize: 1000 })
    const sent = range(0, 400).map((value, at) =>
      producer.send('orders', { value: value.padStart(100), partition: at % 8 }),
    )
    await Promise.all(sent)
    const sizes = cluster.seen
      .filter(({ api }) => api === 'Produce')
      .map(({ body }) =>
        (body['topicData'] as { partitionData: { records: Buffer }[] }[])
          .flatMap(({ partitionData }) => partitionData.map(({ records }) => records.length))
          .reduce((sum, size) => sum + size, 0),
      )
    assert.ok(Math.max(...sizes) <= 3000 && Math.max(...sizes) > 2000, `${Math.max(...sizes)}`)
  }))

test('the client id travels with every request', () =>
  play(
    async ({ cluster, kafka }) => {
      cluster.createTopic('orders', 1)
      await kafka.producer().send('orders', { value: 'x' })
      assert.deepEqual([...new Set(cluster.seen.map(({ clientId }) => clientId))], ['shop'])
    },
    { clientId: 'shop' },
  ))

for (const onDeliveryTimeout of ['continue', 'stop'] as const) {
  test(`a gap is an event, and with onDeliveryTimeout: '${onDeliveryTimeout}' the producer does so`, () =>
    play(async ({ world, cluster, kafka }) => {
      cluster.createTopic('orders', 1)
      const producer = kafka.producer({
        onDeliveryTimeout,
        requestTimeoutMs: 1000,
        deliveryTimeoutMs: 1500,
      })
      await producer.send('orders', { value: 'before' })
      const gaps: number[] = []
      kafka.on('deliveryTimedOut', ({ recordCount }) => gaps.push(recordCount))
      cluster.fault = ({ api }) => (api === 'Produce' ? { do: 'swallow' } : undefined)
      const lost = failure(producer.send('orders', [{ value: 'a' }, { value: 'b' }]))
      await world.sleep(1000)
      const later = producer.send('orders', { value: 'later' })
      later.catch(() => undefined)
      await lost
      cluster.fault = () => undefined
      assert.deepEqual(gaps, [2])
      if (onDeliveryTimeout === 'continue') {
        await later
        await producer.send('orders', { value: 'after' })
        assert.deepEqual(cluster.values('orders'), ['before', 'later', 'after'])
        return
      }
      assert.equal((await failure(later))['code'], 'STOPPED')
      const refused = await failure(producer.send('orders', { value: 'after' }))
      assert.match(refused.message, /2 records for orders-0 may be missing\. Close it/)
      assert.deepEqual(cluster.values('orders'), ['before'])
    }))
}

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

test('a signal that aborts a send says the outcome, before and after the record is in a batch', () =>
  play(async ({ world, cluster, kafka }) => {
    cluster.createTopic('orders', 1)
    const producer = kafka.producer()
    const reason = new Error('enough')
    const early = new AbortController()
    early.abort(reason)
    const isAborted = async (sent: Promise<Error & Record<string, unknown>>, outcome: string) => {
      const { name, code, cause, outcome: told } = await sent
      assert.deepEqual([name, code, cause, told], ['AbortError', 'ABORTED', reason, outcome])
    }
    await isAborted(failure(producer.send('orders', { value: 'a' }, early)), 'notWritten')
    const late = new AbortController()
    const sent = failure(producer.send('orders', { value: 'b' }, late))
    late.abort(reason)
    await isAborted(sent, 'notWritten')
    await producer.send('orders', { value: 'c' })
    const under = new AbortController()
    cluster.fault = ({ api }) => (api === 'Produce' ? { delayMs: 100 } : undefined)
    const waiting = failure(producer.send('orders', { value: 'd' }, under))
    await world.sleep(20)
    under.abort(reason)
    await isAborted(waiting, 'unknown')
    const many = new AbortController()
    const list = failure(producer.send('orders', [{ value: 'e' }, { value: 'f' }], many))
    await world.sleep(20)
    many.abort(reason)
    await isAborted(list, 'unknown')
    await producer.flush()
    const written = ['c', 'd', 'e', 'f']
    assert.deepEqual(cluster.values('orders'), written, 'a and b were never sent')
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
    await kafka.close()
    assert.throws(() => kafka.producer(), { code: 'CLOSED', message: /closed.*new Kafka/ })
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

test('a send to a topic that does not exist fails after unknownTopicGraceMs; with 0 at once', () =>
  play(async ({ world, kafka }) => {
    for (const [unknownTopicGraceMs, mostMs] of [
      [0, 100],
      [1000, 2000],
    ] as const) {
      const producer = kafka.producer({ unknownTopicGraceMs })
      const before = world.now
      const { code } = await failure(producer.send('missing', { value: 'x' }))
      assert.equal(code, 'UNKNOWN_TOPIC_OR_PARTITION')
      const tookMs = world.now - before
      assert.ok(tookMs >= unknownTopicGraceMs && tookMs <= mostMs, `it took ${tookMs} ms`)
    }
  }))
