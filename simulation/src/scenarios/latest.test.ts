/** Scenario 1 of the semantics: `latest` is the instant of the group's first start (S9, F4). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis, Kafka } from 'odradek'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'

const STEP_MS = 50
const PARTITIONS = 3
const TIMINGS = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 } as const
/** The same, where they are the brokers' own. */
const BROKERS_TIMINGS = {
  groupConsumerSessionTimeoutMs: TIMINGS.sessionTimeoutMs,
  groupConsumerHeartbeatIntervalMs: TIMINGS.heartbeatIntervalMs,
} as const

for (const groupProtocol of ['classic', 'consumer'] as const) {
  test(`${groupProtocol}: members that start together, one killed before its pin, a partition added: nothing since the start is skipped, nothing older read`, () =>
    SmallWorld.play(
      async (small) => {
        const { world, cluster } = small
        const clients = (name: string): Kafka =>
          new Kafka(
            { bootstrapServers: cluster.bootstrapServers, clientId: name, metadataMaxAgeMs: 1000 },
            { environment: small.process(name).environment },
          )
        // Records carry their own time of writing, so that what is due can be told.
        const written: { readonly value: string; readonly at: number }[] = []
        const producer = clients('writer').producer({ lingerMs: 0 })
        let partitions = PARTITIONS
        const clock = { isOver: false }
        const write = async (): Promise<void> => {
          while (!clock.isOver) {
            const value = String(written.length)
            written.push({ value, at: small.process('writer').environment.clock.now() })
            const partition = written.length % partitions
            await producer.send('orders', { value, partition })
            await world.sleep(STEP_MS)
          }
        }
        const writing = write()
        await world.sleep(2000)

        const seen = new Map<string, number>()
        const start = (name: string): Promise<void> => {
          const consumer = clients(name).consumer({
            groupId: 'billing',
            topics: ['orders'],
            startFrom: 'latest',
            groupProtocol,
            ...(groupProtocol === 'classic' ? TIMINGS : {}),
          })
          return (async () => {
            for await (const { value } of consumer) {
              seen.set(String(value), (seen.get(String(value)) ?? 0) + 1)
            }
          })()
        }
        const startedAt = small.process('a').environment.clock.now()
        cluster.faults.add({ api: 'OffsetCommit', clientId: 'c', delayMs: 3000 })
        cluster.on('request', ({ api, clientId }) => {
          // Killed between finding its start and pinning it.
          if (api === 'OffsetCommit' && clientId === 'c') {
            world.at(world.now, () => small.process('c').kill({ silently: true }))
          }
        })
        for (const name of ['a', 'b', 'c']) void start(name)
        await world.sleep(20_000)
        await clients('admin').request(apis.CreatePartitions, {
          topics: [{ name: 'orders', count: PARTITIONS + 1, assignments: null }],
          timeoutMs: 5000,
          validateOnly: false,
        })
        partitions = PARTITIONS + 1
        await world.sleep(20_000)
        clock.isOver = true
        await writing
        await world.sleep(10_000)

        const due = written.filter(({ at }) => at >= startedAt).map(({ value }) => value)
        assert.ok(due.length > 500)
        assert.deepEqual(
          due.filter((value) => !seen.has(value)),
          [],
        )
        const older = written.filter(({ at }) => at < startedAt).map(({ value }) => value)
        assert.ok(older.length > 20)
        assert.deepEqual(
          older.filter((value) => seen.has(value)),
          [],
        )
      },
      { broker: { topics: { orders: PARTITIONS }, ...BROKERS_TIMINGS } },
    ))
}

test('a partition that nobody got to read is begun at the instant of the start, not at its end', () =>
  SmallWorld.play(
    async (small) => {
      const first = small.consumer('first', { startFrom: 'latest' })
      const reading = first[Symbol.asyncIterator]().next()
      await small.world.sleep(1000)
      await first.close()
      await reading
      const producer = small.producer()
      await producer.send('orders', [{ value: 'while away', partition: 0 }])
      await small.world.sleep(60_000)
      const second = small.consumer('second', { startFrom: 'latest' })
      const { value } = await second[Symbol.asyncIterator]().next()
      assert.equal(String(value?.value), 'while away')
    },
    { broker: { topics: { orders: 1 } } },
  ))
