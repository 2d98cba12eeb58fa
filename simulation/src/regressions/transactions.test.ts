/** Transactions that met misfortune, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerProcess } from '../plans/inflict.ts'
import { SmallWorld } from './small-world.test-kit.ts'

test('S36 what was consumed of a log that is truncated meanwhile is not committed (truncation, seed 728)', () =>
  SmallWorld.play(
    async (small) => {
      const { cluster } = small
      const writer = small.producer()
      const send = async (count: number): Promise<void> => {
        for (let at = 0; at < count; at++) await writer.send('orders', { value: `${at}` })
      }
      await send(10)
      const committed: number[] = []
      cluster.on('commit', ({ groupId, offset }) => {
        if (groupId === 'billing') committed.push(offset)
      })
      const kafka = small.kafka('copier')
      const consumer = kafka.consumer({
        ...{ groupId: 'billing', topics: ['orders'], startFrom: 'earliest' },
        ...{ transactional: true, fetchMaxWaitMs: 100 },
      })
      const producer = kafka.producer({ transactionalId: 'copier' })
      const losses: unknown[] = []
      let outcome: Promise<string> | undefined
      consumer.on('dataLoss', ({ from, to }) => losses.push([from, to]))
      for await (const batch of consumer.batches()) {
        for (const record of batch) void record.offset
        if (outcome !== undefined) break
        cluster.faults.add({ api: 'TxnOffsetCommit', delayMs: 4000, times: 1 })
        outcome = producer
          .transaction(async (tx) => {
            await tx.send('copies', { value: 'of all' })
            tx.consume(batch)
          })
          .then(
            () => 'committed',
            (error: { readonly code: string }) => error.code,
          )
        await small.world.sleep(1000)
        cluster.truncate('orders', 0, { to: 4 })
        await send(3)
      }
      assert.equal(await outcome, 'COMMIT_FAILED')
      assert.deepEqual(losses, [[4, 10]])
      await kafka.close()
      await writer.close()
      assert.ok(Math.max(...committed) <= 7, `committed were ${committed.join(', ')}`)
    },
    { broker: { topics: { orders: 1, copies: 1 } } },
  ))

test('S36 an aborted transaction goes back to where the group began, although that is not committed yet (exactly-once, swarm, seed 50030)', () =>
  SmallWorld.play(async (small) => {
    const { cluster } = small
    const writer = small.producer()
    for (const value of ['0', '1', '2']) await writer.send('orders', { value })
    await writer.close()
    cluster.faults.add({ api: 'OffsetCommit', delayMs: 5000, times: 1 })
    const kafka = small.kafka('copier')
    const consumer = kafka.consumer({
      ...{ groupId: 'billing', topics: ['orders'], startFrom: 'earliest', transactional: true },
    })
    const producer = kafka.producer({ transactionalId: 'copier' })
    const values: string[] = []
    for await (const batch of consumer.batches()) {
      for (const { value } of batch) values.push(String(value))
      if (values.length > 3) break
      await producer
        .transaction((tx) => {
          tx.consume(batch)
          throw new Error('on second thoughts')
        })
        .catch(() => undefined)
    }
    assert.deepEqual(values, ['0', '1', '2', '0', '1', '2'])
    await kafka.close()
  }))

test('S44 a transaction that consumes half a batch aborts, and the batch is delivered again', () =>
  SmallWorld.play(
    async (small) => {
      const writer = small.producer()
      const values = Array.from({ length: 6 }, (_, index) => ({ value: `${index}` }))
      await writer.send('orders', values)
      await writer.close()
      const kafka = small.kafka('copier')
      const consumer = kafka.consumer({
        ...{ groupId: 'billing', topics: ['orders'], startFrom: 'earliest', transactional: true },
      })
      const producer = kafka.producer({ transactionalId: 'copier' })
      const refusals: string[] = []
      const copied: string[] = []
      for await (const batch of consumer.batches()) {
        try {
          await producer.transaction(async (tx) => {
            for (const { value, offset } of batch) {
              await tx.send('copies', { value })
              if (offset === 3 && refusals.length === 0) break
              if (offset === 4 && refusals.length === 1) {
                batch.markUpTo(offset)
                break
              }
            }
            tx.consume(batch)
          })
        } catch (error) {
          refusals.push((error as Error).message)
        }
        if (small.cluster.committedOffset('billing', 'orders', 0)?.offset === 6) break
      }
      assert.equal(refusals.length, 1)
      assert.match(refusals[0] ?? '', /a batch of orders-0 that was not iterated to its end/)
      const reader = small.kafka('reader').consumer({
        ...{ groupId: 'audit', topics: ['copies'], startFrom: 'earliest' },
        isolationLevel: 'read_committed',
      })
      for await (const { value } of reader) if (copied.push(String(value)) === 6) break
      assert.deepEqual(copied, ['0', '1', '2', '3', '4', '5'])
      await Promise.all([kafka.close(), reader.close()])
    },
    { broker: { topics: { orders: 1, copies: 1 } } },
  ))

test('a transaction that aborts half a batch while its partition is revoked lets its consumer read on', () =>
  SmallWorld.play(
    async (small) => {
      const writer = small.producer()
      for (const partition of [0, 1]) {
        const values = Array.from({ length: 4 }, (_, index) => ({ value: `${index}`, partition }))
        await writer.send('orders', values)
      }
      const copier = (name: string) => {
        const kafka = small.kafka(name)
        const consumer = kafka.consumer({
          ...{ groupId: 'billing', topics: ['orders'], startFrom: 'earliest', transactional: true },
          // All partitions are revoked when a member joins.
          partitionAssignors: ['range'],
        })
        return { consumer, producer: kafka.producer({ transactionalId: name }) }
      }
      const first = copier('first')
      let aborted = 0
      const reading = (async () => {
        for await (const batch of first.consumer.batches()) {
          const transaction = first.producer.transaction(async (tx) => {
            for (const { value } of batch) {
              await tx.send('copies', { value })
              // The other member joins meanwhile.
              if (aborted < 2) await small.world.sleep(8000)
              break
            }
            if (aborted < 2) tx.consume(batch)
            if (aborted < 2) throw new Error('on second thoughts')
            batch.skipRest()
            tx.consume(batch)
          })
          await transaction.catch(() => aborted++)
        }
      })()
      await small.world.sleep(2000)
      const second = copier('second')
      const readingToo = (async () => {
        for await (const batch of second.consumer.batches()) batch.skipRest()
      })()
      await small.world.sleep(30_000)
      assert.ok(aborted >= 2)
      assert.equal(first.consumer.assigned.length, 1)
      await Promise.all([first.consumer.close(), second.consumer.close(), reading, readingToo])
      await Promise.all([first.producer.close(), second.producer.close(), writer.close()])
    },
    { broker: { topics: { orders: 2, copies: 1 } } },
  ))

for (const when of ['it is written to', 'it ends'] as const) {
  test(`close comes back in time when the cluster is gone while ${when}`, () =>
    SmallWorld.play(async (small) => {
      const { cluster, world } = small
      const kafka = small.kafka('writer')
      const producer = kafka.producer({ transactionalId: 'writer' })
      await producer.transaction((tx) => tx.send('orders', { value: 'before' }))
      const api = when === 'it ends' ? 'EndTxn' : 'Produce'
      cluster.faults.add({ api, dropAnswer: true })
      const outcome = producer
        .transaction((tx) => tx.send('orders', { value: 'lost' }))
        .then(
          () => 'committed',
          (error: { readonly outcome: string }) => error.outcome,
        )
      await world.sleep(1000)
      const before = world.now
      await producer.close({ timeoutMs: 5000 }).catch(() => undefined)
      assert.ok(world.now - before <= 5100, `it took ${world.now - before} ms`)
      assert.equal(await outcome, when === 'it ends' ? 'unknown' : 'notWritten')
      await kafka.close({ timeoutMs: 100 })
    }))
}

test('a signal that aborts while a producer id is asked for ends the wait, and the id is used', () =>
  SmallWorld.play(async (small) => {
    const { cluster, world } = small
    const kafka = small.kafka('writer')
    const producer = kafka.producer({ transactionalId: 'writer' })
    cluster.faults.add({ api: 'InitProducerId', delayMs: 2000, times: 1 })
    let asked = 0
    cluster.on('request', ({ api }) => void (asked += Number(api === 'InitProducerId')))
    const aborting = new AbortController()
    let hasWorked = false
    const running = producer.transaction(() => void (hasWorked = true), {
      signal: aborting.signal,
    })
    running.catch(() => undefined)
    await world.sleep(1000)
    const before = world.now
    aborting.abort(new Error('no longer wanted'))
    await assert.rejects(running, /no longer wanted/)
    assert.equal(world.now, before)
    assert.equal(hasWorked, false)
    await producer.transaction((tx) => tx.send('orders', { value: 'next' }))
    assert.equal(asked, 1)
    await kafka.close()
  }))

test('a signal ends the wait of a transaction for a cluster that cannot be reached', () =>
  SmallWorld.play(async (small) => {
    const { world } = small
    const kafka = small.kafka('writer')
    const producer = kafka.producer({ transactionalId: 'writer' })
    world.network.partition('writer', brokerProcess(1))
    const aborting = new AbortController()
    const running = producer.transaction(() => undefined, { signal: aborting.signal })
    running.catch(() => undefined)
    await world.sleep(5000)
    const before = world.now
    aborting.abort(new Error('no longer wanted'))
    await assert.rejects(running, /no longer wanted/)
    assert.equal(world.now, before)
    world.network.heal('writer', brokerProcess(1))
    await producer.transaction((tx) => tx.send('orders', { value: 'next' }))
    await kafka.close()
  }))

test('a producer closes soon although a producer id that nobody wants is still asked for', () =>
  SmallWorld.play(async (small) => {
    const { cluster, world } = small
    const kafka = small.kafka('writer')
    const producer = kafka.producer({ transactionalId: 'writer' })
    cluster.faults.add({ api: 'InitProducerId', delayMs: 20_000, times: 1 })
    const aborting = new AbortController()
    const running = producer.transaction(() => undefined, { signal: aborting.signal })
    running.catch(() => undefined)
    await world.sleep(1000)
    aborting.abort(new Error('no longer wanted'))
    await assert.rejects(running, /no longer wanted/)
    const before = world.now
    await producer.close()
    assert.ok(world.now - before < 100, `it took ${world.now - before} ms`)
    await kafka.close()
  }))

for (const version of [1, 2]) {
  const broker = { topics: { orders: 1 }, features: { 'transaction.version': version } }
  for (const how of ['commits', 'writes', 'throws'] as const) {
    test(`S35 a producer continues after its coordinator timed out a transaction that ${how} (transaction version ${version})`, () =>
      SmallWorld.play(
        async (small) => {
          const { world } = small
          const kafka = small.kafka('writer')
          const producer = kafka.producer({ transactionalId: 'w', transactionTimeoutMs: 5000 })
          for (const round of ['1', '2']) {
            const late = producer.transaction(async (tx) => {
              await tx.send('orders', { value: 'late' })
              small.process('writer').blockLoop(20_000)
              await world.sleep(20_000)
              if (how === 'writes') await tx.send('orders', { value: 'later' })
              if (how === 'throws') throw new Error('mine')
            })
            await assert.rejects(late, { outcome: 'notWritten', code: 'TIMED_OUT' })
            await producer.transaction((tx) => tx.send('orders', { value: round }))
          }
          const other = small.kafka('other')
          const successor = other.producer({ transactionalId: 'w' })
          await successor.transaction((tx) => tx.send('orders', { value: '3' }))
          const fenced = () => producer.transaction((tx) => tx.send('orders', { value: 'fenced' }))
          await assert.rejects(fenced(), { code: /^(PRODUCER_FENCED|INVALID_PRODUCER_EPOCH)$/ })
          await assert.rejects(fenced(), /is over/)
          await successor.transaction((tx) => tx.send('orders', { value: '4' }))
          const reader = other.consumer({
            partitions: [{ topic: 'orders', partition: 0 }],
            ...{ startFrom: 'earliest', isolationLevel: 'read_committed' },
          })
          const values: string[] = []
          for await (const { value } of reader) if (values.push(String(value)) === 4) break
          assert.deepEqual(values, ['1', '2', '3', '4'])
          await Promise.all([kafka.close(), other.close()])
        },
        { broker },
      ))
  }

  test(`S35 a transaction that timed out before anything was sent does not take the next one with it (transaction version ${version})`, () =>
    SmallWorld.play(
      async (small) => {
        const kafka = small.kafka('writer')
        const producer = kafka.producer({ transactionalId: 'w', transactionTimeoutMs: 1000 })
        for (const records of [{ value: 'late' }, [{ value: 'late' }]]) {
          const late = producer.transaction((tx) =>
            tx.send('missing', records as { value: string }),
          )
          await assert.rejects(late, { outcome: 'notWritten', code: 'TIMED_OUT' })
          await producer.transaction((tx) => tx.send('orders', { value: 'next' }))
        }
        await kafka.close()
      },
      { broker: { ...broker, autoCreateTopics: false } },
    ))
}
