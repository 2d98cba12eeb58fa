/** What seeds have found in groups, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

const PARTITIONS = 6

/** Reads on and on, without a thought. */
function read(consumer: Consumer): void {
  consumer.run(() => undefined).catch(assert.fail)
}

test('what a static member gave up is read by others, though it is replaced before it joins again (groups, swarm, seed 88)', () =>
  SmallWorld.play(
    async (small) => {
      const { world, cluster } = small
      const options = { groupProtocol: 'classic' } as const
      const leader = small.consumer('leader', options)
      read(leader)
      await world.sleep(2000)
      const pod = small.consumer('pod', { ...options, groupInstanceId: 'pod' })
      read(pod)
      await world.sleep(5000)
      assert.equal(pod.assigned.length, PARTITIONS / 2)
      // The next plan takes a partition from the pod; it is gone before it can join again.
      const newcomer = small.consumer('newcomer', options)
      const isRevoked = new Promise<void>((resolve) => {
        pod.on('rebalanced', ({ revoked }) => {
          if (revoked.length > 0) resolve()
        })
      })
      read(newcomer)
      await isRevoked
      small.process('pod').kill()
      await world.sleep(500)
      const successor = small.consumer('pod', { ...options, groupInstanceId: 'pod' })
      read(successor)
      await world.sleep(30_000)
      const owned = [leader, successor, newcomer].flatMap(({ assigned }) => assigned)
      assert.equal(new Set(owned.map(({ partition }) => partition)).size, PARTITIONS)
      assert.equal(cluster.group('billing')?.members.length, 3)
    },
    { broker: { topics: { orders: PARTITIONS } } },
  ))
