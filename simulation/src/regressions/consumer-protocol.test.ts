/** What seeds have found in KIP-848 groups, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONSUMER_PROTOCOL, LivenessWorld, TOPIC } from '../liveness/liveness-world.test-kit.ts'
import { SmallWorld } from './small-world.test-kit.ts'

const SESSION_MS = 10_000
const BROKERS = {
  brokers: 3,
  groupConsumerSessionTimeoutMs: SESSION_MS,
  groupConsumerHeartbeatIntervalMs: 2000,
} as const
const POD = { groupProtocol: 'consumer', groupInstanceId: 'pod' } as const

/**
 * A killed pod's session begins anew with every coordinator that takes the group over, so whoever
 * replaces it has to wait for longer than a session.
 */
test('KIP-848: a pod that replaces a killed one waits on when the coordinator moves (churn, slow, seed 5027)', () =>
  SmallWorld.play(
    async (small) => {
      const { world, cluster } = small
      small
        .consumer('pod', POD)
        .run(() => undefined)
        .catch(assert.fail)
      await world.sleep(5000)
      small.process('pod').kill({ silently: true })
      await world.sleep(1000)
      const next = small.consumer('pod', POD)
      const errors: unknown[] = []
      next.run(() => undefined).catch((error: unknown) => errors.push(error))
      await world.sleep(SESSION_MS - 4000)
      const before = cluster.coordinatorOf('billing')
      const other = cluster.nodeIds.find((nodeId) => nodeId !== before) ?? 1
      cluster.moveCoordinator('billing', other)
      await world.sleep(SESSION_MS + 4000)
      assert.deepEqual(errors, [])
      assert.equal(next.assigned.length, 1)
      await next.close()
    },
    { broker: BROKERS },
  ))

test('KIP-848: a pod whose name another one keeps is told so, a session later', () =>
  SmallWorld.play(
    async (small) => {
      const first = small.consumer('pod', POD)
      first.run(() => undefined).catch(assert.fail)
      await small.world.sleep(5000)
      const errors: unknown[] = []
      small
        .consumer('another', POD)
        .run(() => undefined)
        .catch((error: unknown) => errors.push(error))
      await small.world.sleep(SESSION_MS)
      assert.deepEqual(errors, [])
      await small.world.sleep(5000)
      assert.match(String(errors[0]), /UNRELEASED_INSTANCE_ID/)
      assert.equal(first.assigned.length, 1)
      await first.close()
    },
    { broker: BROKERS },
  ))

/**
 * The coordinator waits for what a member is to give up for its rebalance timeout, and then goes on
 * without it, long before its session is over: what the member retained goes to others, too.
 */
test('KIP-848: a member whose acknowledgement does not arrive delivers nothing from when it may be out', () =>
  LivenessWorld.play(
    async (world) => {
      const { cluster } = world.small
      const a = world.reader('a', {
        ...CONSUMER_PROTOCOL,
        rebalanceTimeoutMs: 6000,
        // A commit would tell it.
        autoCommitIntervalMs: 60_000,
      })
      a.run()
      const stop = world.write(20)
      await world.sleep(8000)
      let fault: { remove(): void } | undefined
      cluster.on('group', ({ members }) => {
        const isTold = members.some(
          ({ clientId, modern }) => clientId === 'a' && modern?.state === 'UnrevokedPartitions',
        )
        if (!isTold || fault !== undefined) return
        fault = cluster.faults.add({
          ...{ api: 'ConsumerGroupHeartbeat', clientId: 'a', disconnect: 'before' },
        })
      })
      const b = world.reader('b', CONSUMER_PROTOCOL)
      b.run()
      await world.sleep(15_000)
      assert.equal(b.consumer.assigned.length, 4, 'the coordinator goes on without it')
      assert.deepEqual(world.foreign, [])
      fault?.remove()
      await world.sleep(15_000)
      await stop()
      await world.sleep(2000)
      assert.equal(a.consumer.assigned.length, 2)
      assert.deepEqual(world.foreign, [])
      assert.deepEqual(world.missing, [])
    },
    { broker: { topics: { [TOPIC]: 4 }, groupConsumerSessionTimeoutMs: 30_000 } },
  ))
