import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import type { RequestContext } from '../handlers/handler.ts'
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
  // Of its context a wait needs the environment and the connection alone.
  const context = { node: process, connection } as unknown as RequestContext
  const wait = { partitions: [], missingBytes: 1, isCommittedOnly: false, maxWaitMs: 500 }
  assert.equal(await world.run(waitForRecords(wait, context)), false)
  assert.equal(process.leaks().timers, 0)
})
