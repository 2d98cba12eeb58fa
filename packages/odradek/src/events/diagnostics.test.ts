import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import type { ClientEvents } from './client-events.ts'
import { publish } from './diagnostics.ts'
import { TypedEmitter } from './emitter.ts'
import { EVENT_NAMES } from './event-names.ts'

const event = { topic: 'orders', partition: 3, from: 1, to: 5, count: 4, reason: 'a test' }

test('every event is a channel, and carries the client and the event', () => {
  for (const name of EVENT_NAMES) {
    const heard: unknown[] = []
    const listener = (message: unknown): void => void heard.push(message)
    subscribe(`odradek:${name}`, listener)
    publish('shop', name, event as never)
    unsubscribe(`odradek:${name}`, listener)
    publish('shop', name, event as never)
    assert.deepEqual(heard, [{ clientId: 'shop', event }], name)
  }
})

test('what a part emits is published once; a subscriber does not count as a listener', () => {
  const unheard: string[] = []
  const published: string[] = []
  const root = new TypedEmitter<ClientEvents>(undefined, {
    names: EVENT_NAMES,
    onUnheard: (name) => void unheard.push(name),
    publish: (name) => void published.push(name),
  })
  const part = new TypedEmitter(root)
  part.emit('dataLoss', event)
  part.publish('dataLoss', event)
  assert.deepEqual([unheard, published], [['dataLoss'], ['dataLoss', 'dataLoss']])
  assert.equal(part.hasListeners('dataLoss'), false)
})
