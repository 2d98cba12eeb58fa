/** Scenario 4 of the semantics: a blocked loop under KIP-848 (S13, S16, S17, F5). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CONSUMER_PROTOCOL,
  GROUP,
  LivenessWorld,
  TOPIC,
} from '../liveness/liveness-world.test-kit.ts'

const BLOCK_MS = 60_000
const BEAT = 'ConsumerGroupHeartbeat'

for (const cut of ['disconnect', 'dropAnswer'] as const) {
  test(`KIP-848, blocked 60 s inside a data callback, the epoch moves twice, one answer is cut (${cut}), half is revoked: no fence, no false timeout, nothing delivered from lost partitions`, () =>
    LivenessWorld.play(
      async (world) => {
        const { small } = world
        const { cluster } = small
        const epoch = (): number => memberOf(world, 'a')?.memberEpoch ?? 0
        // Its revocation may take longer than the block.
        const a = world.reader('a', { ...CONSUMER_PROTOCOL, rebalanceTimeoutMs: 120_000 })
        let isHeartbeatSent = false
        let isBlocked = false
        let onBlocked: () => void = () => undefined
        const blocked = new Promise<void>((resolve) => {
          onBlocked = resolve
        })
        a.run(() => {
          if (!isHeartbeatSent || isBlocked) return
          isBlocked = true
          a.host.blockLoop(BLOCK_MS)
          onBlocked()
        })
        const stop = world.write(50, 4)
        await world.sleep(8000)
        const first = epoch()
        a.heard.length = 0
        // The coordinator hears the main thread, but its answer comes when nobody listens any more.
        cluster.faults.add({ api: BEAT, clientId: 'a', delayMs: 1500, times: 1 })
        cluster.on('request', ({ api, clientId }) => {
          if (api === BEAT && clientId === 'a') isHeartbeatSent = true
        })
        await blocked
        const blockedAt = small.world.now
        const read = a.values.length
        const other = world.reader('other', { ...CONSUMER_PROTOCOL, topics: ['others'] })
        other.run()
        await world.sleep(10_000)
        assert.equal(epoch(), first + 1, 'the epoch moved once')
        const fault =
          cut === 'disconnect' ? ({ disconnect: 'after' } as const) : { dropAnswer: true }
        cluster.faults.add({ api: BEAT, clientId: 'a', ...fault, times: 1 })
        await other.consumer.close()
        await world.sleep(10_000)
        assert.equal(epoch(), first + 2, 'the epoch moved twice')
        const b = world.reader('b', CONSUMER_PROTOCOL)
        b.run()
        await world.sleep(blockedAt + BLOCK_MS - small.world.now - 1000)
        assert.equal(memberOf(world, 'a')?.pendingRevocation.length, 2, 'half is to be revoked')
        assert.equal(a.values.length, read)
        assert.equal(b.consumer.assigned.length, 0, 'nobody else has it meanwhile')
        await world.sleep(21_000)
        await stop()
        await world.sleep(3000)

        assert.deepEqual(a.events('fenced'), [])
        assert.deepEqual(a.events('stalled'), [])
        assert.deepEqual(
          a.heard.map((line) => line.split(' ')[0]).filter((word) => word === 'lost'),
          [],
        )
        const [told, ...more] = a.events('eventLoopBlocked')
        assert.deepEqual(more, [])
        assert.equal(told?.isSessionAlive, true)
        assert.ok((told?.heartbeats ?? 0) >= 40, `${told?.heartbeats} heartbeats`)
        assert.equal(a.consumer.assigned.length, 2)
        assert.equal(b.consumer.assigned.length, 2)
        assert.deepEqual(world.missing, [])
        assert.equal(world.stepsBack, 0)
        assert.deepEqual(world.foreign, [])
      },
      { broker: { topics: { [TOPIC]: 4, others: 1 } } },
    ))
}

function memberOf({ small }: LivenessWorld, clientId: string) {
  const { members = [] } = small.cluster.group(GROUP) ?? {}
  return members.find((member) => member.clientId === clientId)?.modern
}
