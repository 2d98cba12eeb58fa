import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { waitForPartitions } from './long-poll.ts'

test('a wait ends immediately when its connection was closed before', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const process = world.process('broker')
  const connection = {
    onceClosed: (listener: () => void) => {
      listener()
      return () => undefined
    },
  }
  const wait = { partitions: [], maxWaitMs: 500 }
  assert.equal(
    await world.run(waitForPartitions(wait, process.environment.timers, connection)),
    false,
  )
  assert.equal(process.leaks().timers, 0)
})
