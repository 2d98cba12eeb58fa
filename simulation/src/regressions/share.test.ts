/** What seeds have found in share groups, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis, type ShareConsumer, type ShareConsumerOptions, type ShareRecord } from 'odradek'
import { brokerProcess } from '../plans/inflict.ts'
import { SmallWorld } from './small-world.test-kit.ts'

const GROUP_ID = 'mail'
const GROUP_RESOURCE = 32
const LOCK_MS = 6000
const BROKER = { groupShareRecordLockDurationMs: LOCK_MS }

/** A share consumer of a group that begins at the start. */
async function sharer(
  small: SmallWorld,
  name: string,
  options: Partial<ShareConsumerOptions<string>> = {},
): Promise<ShareConsumer> {
  const kafka = small.kafka(name)
  const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName: GROUP_ID, configs }]
  await kafka.request(
    apis.IncrementalAlterConfigs,
    { resources, validateOnly: false },
    { returnErrors: true },
  )
  return kafka.shareConsumer({ groupId: GROUP_ID, topics: ['orders'], ...options })
}

async function write(small: SmallWorld, count: number): Promise<void> {
  const producer = small.producer()
  await producer.send(
    'orders',
    Array.from({ length: count }, (_, index) => ({ value: String(index) })),
  )
  await producer.close()
}

const deliveryOf = ({ offset, deliveryCount }: ShareRecord): string => `${offset}: ${deliveryCount}`

/** Who settles by hand has no more than `maxPollRecords` at a time; a lock that is gone is room. */
test('S40 share: a record that was forgotten makes room when its lock runs out (share-group, calm, seed 3)', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 2)
      const consumer = await sharer(small, 'one', {
        shareAcknowledgementMode: 'explicit',
        shareAcquireMode: 'record_limit',
        maxPollRecords: 1,
      })
      const seen: string[] = []
      const reading = (async () => {
        for await (const { offset, deliveryCount } of consumer) {
          seen.push(`${offset}: ${deliveryCount}`)
        }
      })()
      await small.world.sleep(2000)
      assert.deepEqual(seen, ['0: 1'])
      await small.world.sleep(LOCK_MS)
      assert.deepEqual(seen, ['0: 1', '0: 2'])
      await consumer.close({ timeoutMs: 100 })
      await reading
    },
    { broker: BROKER },
  ))

/**
 * A broker refuses the acknowledgements of a partition together, and gives the records anew in the
 * same answer: what was said of the delivery before must not be told again, of this one.
 */
test('S40 share: a late word is not taken for one about the next delivery (share-group, partitions, seed 313)', () =>
  SmallWorld.play(
    async (small) => {
      const { world, cluster } = small
      await write(small, 2)
      const consumer = await sharer(small, 'one', { shareAcknowledgementMode: 'explicit' })
      const seen: ShareRecord[] = []
      const reading = (async () => {
        for await (const record of consumer) seen.push(record)
      })()
      await world.sleep(LOCK_MS - 2000)
      const before = [...seen]
      assert.deepEqual(before.map(deliveryOf), ['0: 1', '1: 1'])
      world.network.partition('one', brokerProcess(1), { oneWay: true })
      for (const record of before) consumer.accept(record)
      await world.sleep(4000)
      world.network.heal('one', brokerProcess(1))
      await world.sleep(1000)
      assert.deepEqual(seen.slice(2).map(deliveryOf), ['0: 2', '1: 2'])
      const { records } = cluster.sharePartition(GROUP_ID, 'orders', 0)
      assert.deepEqual(
        records.map(({ state }) => state),
        ['acquired', 'acquired'],
      )
      await consumer.close({ timeoutMs: 100 })
      await reading
    },
    { broker: BROKER },
  ))

/** Plain JavaScript has nobody who tells that an outcome is misspelt. */
test('S40 share: an outcome that does not exist is an error of the handler, not a yes', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 2)
      const consumer = await sharer(small, 'one')
      const exhausted: string[] = []
      consumer.on('deliveryExhausted', ({ offset, error }) =>
        exhausted.push(`${offset}: ${(error as Error).message}`),
      )
      const outcomes: Readonly<Record<number, unknown>> = { 0: 'rejct', 1: { rejected: false } }
      const running = consumer.run(({ offset }) => outcomes[offset], { onError: { backoffMs: 10 } })
      await small.world.sleep(10_000)
      const { records, startOffset } = small.cluster.sharePartition(GROUP_ID, 'orders', 0)
      assert.deepEqual([startOffset, records], [2, []])
      assert.deepEqual(exhausted, [
        '0: The handler returned "rejct" for the record at orders-0 offset 0. What it may say is ' +
          '"accept", "release" or "reject"; whatever is no string accepts the record. ' +
          'Did you mean "reject"?',
      ])
      await consumer.close()
      await running
      const stopping = await sharer(small, 'two')
      await write(small, 1)
      await assert.rejects(
        stopping.run(() => Promise.resolve('ACCEPTED'), { onError: 'stop' }),
        (error: { readonly code?: string }) => error.code === 'UNKNOWN_OUTCOME',
      )
      await stopping.close()
    },
    { broker: BROKER },
  ))

test('S40 share: a handler may await close: its record is delivered again', () =>
  SmallWorld.play(
    async (small) => {
      const { world, cluster } = small
      await write(small, 4)
      const consumer = await sharer(small, 'one')
      const end = async (): Promise<void> => {
        await world.sleep(1)
        const before = world.now
        await consumer.close()
        assert.ok(world.now - before < 500, `it took ${world.now - before} ms`)
      }
      await consumer.run(
        async ({ offset }) => {
          await (offset === 2 ? end() : world.sleep(offset === 3 ? 100 : 0))
        },
        { concurrency: 2 },
      )
      const { startOffset } = cluster.sharePartition(GROUP_ID, 'orders', 0)
      assert.equal(startOffset, 2)
    },
    { broker: BROKER },
  ))

test('S40 share: a loop that awaits close is reported after 3 s, and its record comes again', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 4)
      const consumer = await sharer(small, 'one')
      const reports: string[] = []
      consumer.on('stalled', ({ message }) => void reports.push(message))
      for await (const { offset } of consumer) {
        if (offset === 2) await consumer.close({ timeoutMs: 10_000 })
      }
      assert.match(reports.join(' '), /records in flight.*break out of the loop first/)
      const { startOffset } = small.cluster.sharePartition(GROUP_ID, 'orders', 0)
      assert.equal(startOffset, 2)
    },
    { broker: BROKER },
  ))

for (const how of ['loop', 'run'] as const) {
  test(`S40 share: stop ends a ${how} after the records in flight, which are accepted`, () =>
    SmallWorld.play(
      async (small) => {
        await write(small, 4)
        const consumer = await sharer(small, 'one')
        const seen: number[] = []
        const work = async (offset: number): Promise<void> => {
          if (offset === 2) consumer.stop()
          await small.world.sleep(10)
          seen.push(offset)
        }
        if (how === 'run') await consumer.run(({ offset }) => work(offset))
        else for await (const { offset } of consumer) await work(offset)
        assert.deepEqual(seen, [0, 1, 2])
        await consumer.close()
        const { startOffset } = small.cluster.sharePartition(GROUP_ID, 'orders', 0)
        assert.equal(startOffset, 3)
      },
      { broker: BROKER },
    ))
}
