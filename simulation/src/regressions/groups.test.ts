/** What seeds have found in groups, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

/** Reads on and on, without a thought. */
function read(consumer: Consumer): void {
  consumer.run(() => undefined).catch(assert.fail)
}

const partitionsOf = (...consumers: readonly Consumer[]): readonly number[] =>
  consumers.flatMap(({ assigned }) => assigned.map(({ partition }) => partition))

/**
 * Of the three only the pod has something to give up, and it is gone before it can join again; its
 * successor is let in without a rebalance. So it is the leader, whose plan left a partition for the
 * next generation, that has to see to it that there is one.
 */
test('what a static member was to give up is read by others, though it is replaced meanwhile (pods, churn, seed 66)', () =>
  SmallWorld.play(
    async (small) => {
      const { world, cluster } = small
      const options = { groupProtocol: 'classic' } as const
      const pod = { ...options, groupInstanceId: 'pod' }
      read(small.consumer('leader', { ...options, topics: ['other'] }))
      await world.sleep(2000)
      const first = small.consumer('pod', pod)
      read(first)
      await world.sleep(5000)
      assert.deepEqual(partitionsOf(first), [0, 1])
      const newcomer = small.consumer('newcomer', options)
      const isTold = new Promise<void>((resolve) => {
        cluster.on('group', ({ state, members }) => {
          if (state === 'Stable' && members.length === 3) resolve()
        })
      })
      read(newcomer)
      await isTold
      small.process('pod').kill()
      await world.sleep(1000)
      const second = small.consumer('pod', pod)
      read(second)
      await world.sleep(120_000)
      assert.deepEqual(new Set(partitionsOf(second, newcomer)), new Set([0, 1]))
    },
    { broker: { topics: { orders: 2, other: 1 } } },
  ))
