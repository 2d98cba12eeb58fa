import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { waitForRecords } from './fetch-waiter.ts'

test('nobody waits on a connection that was closed before the wait began', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const process = world.process('broker')
  const connection = {
    onceClosed: (listener: () => void) => {
      listener()
      return () => undefined
    },
  }
  const wait = { partitions: [], missingBytes: 1, isCommittedOnly: false, maxWaitMs: 500 }
  assert.equal(await world.run(waitForRecords(wait, process.environment.timers, connection)), false)
  assert.equal(process.leaks().timers, 0)
})
