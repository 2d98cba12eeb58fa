import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedChunk } from './completed-fetch.ts'
import { PartitionReader } from './partition-state.ts'
import type { Effect } from './partition.machine.ts'

/** A partition that reads from offset 0, and what it asked of its surroundings. */
function reading(): { reader: PartitionReader; effects: Effect[] } {
  const effects: Effect[] = []
  const assigned = { topic: 'orders', partition: 0, topicId: '' }
  const carryOut = (effect: Effect): void => void effects.push(effect)
  const reader = new PartitionReader(assigned, undefined, { commitMode: 'automatic', carryOut })
  reader.hookReturned()
  reader.startAt(0, -1)
  effects.length = 0
  return { reader, effects }
}

/** Records from one offset to another, of which everything before `position` was delivered. */
function chunk(startOffset: number, endOffset: number, position = startOffset): FetchedChunk {
  const parts = { startOffset, endOffset, position, byteLength: 100, endEpoch: 0 }
  return parts as unknown as FetchedChunk
}

function fetchFrom(reader: PartitionReader): { readonly fetchOffset: number } {
  const fetch = { fetchOffset: reader.fetchOffset }
  reader.fetchSent(fetch)
  return fetch
}

test('the response to a fetch is wanted when a drained chunk is evicted while it is in flight', () => {
  const { reader, effects } = reading()
  fetchFrom(reader)
  reader.fetched(chunk(0, 7, 7))
  reader.beginDelivery()
  const next = fetchFrom(reader)
  reader.pause('user')
  reader.returnToBuffer()
  reader.evict()
  assert.equal(reader.isAwaiting(next), true)
  reader.fetched(chunk(7, 13))
  effects.length = 0
  reader.resume('user')
  assert.deepEqual(effects, ['offer'])
})

test('the response to a fetch is dropped when records before it were evicted', () => {
  const { reader, effects } = reading()
  fetchFrom(reader)
  reader.fetched(chunk(0, 7, 3))
  reader.beginDelivery()
  const next = fetchFrom(reader)
  reader.pause('user')
  reader.returnToBuffer()
  reader.evict()
  assert.equal(reader.fetchOffset, 3)
  assert.equal(reader.isAwaiting(next), false)
  reader.fetchEnded(next)
  effects.length = 0
  reader.resume('user')
  assert.deepEqual(effects, ['wakeFetcher'])
})

test('a response is dropped when the position changed while it was in flight', () => {
  const { reader } = reading()
  const first = fetchFrom(reader)
  reader.startAt(0, -1)
  assert.equal(reader.isAwaiting(first), false)
  const second = fetchFrom(reader)
  reader.fetchEnded(first)
  assert.equal(reader.isAwaiting(second), true)
})

test('records fetched behind returned ones are fetched again, in order', () => {
  const { reader } = reading()
  fetchFrom(reader)
  reader.fetched(chunk(0, 7, 4))
  reader.beginDelivery()
  fetchFrom(reader)
  reader.fetched(chunk(7, 13))
  reader.returnToBuffer()
  assert.equal(reader.buffered?.position, 4)
  assert.equal(reader.fetchOffset, 7)
})

test('bytes that are corrupt at one offset are fetched again once', () => {
  const { reader } = reading()
  fetchFrom(reader)
  reader.fetched(chunk(0, 7, 2))
  reader.beginDelivery()
  assert.equal(reader.corruptAt(2), true)
  fetchFrom(reader)
  reader.fetched(chunk(2, 7, 2))
  reader.beginDelivery()
  assert.equal(reader.corruptAt(2), false)
})
