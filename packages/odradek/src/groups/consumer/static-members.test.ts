import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { FakeConsumerGroup } from './fake-consumer-group.test-kit.ts'

test('a static member that remains comes back under another id: nobody hears of it', async () => {
  const group = new FakeConsumerGroup({ orders: 4 })
  const first = group.member('first', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  const stays = group.member('stays', { groupInstanceId: 'i-2' })
  await group.advance(8000)
  const { groupEpoch } = group.coordinator
  stays.clear()
  const before = [...first.owned].sort()
  await group.world.run(first.leave(1000, 'remain'))
  first.owned.clear()
  await group.advance(2000)
  const again = group.member('again', { groupInstanceId: 'i-1' })
  await group.advance(20_000)
  assert.deepEqual([...again.owned].sort(), before)
  assert.deepEqual(stays.heard, [])
  assert.equal(group.coordinator.groupEpoch, groupEpoch)
  assert.ok(group.coordinator.log.some(({ body }) => body.memberEpoch === -2))
})

test('a static member replaces a killed one when the session of that is over', async () => {
  const group = new FakeConsumerGroup({ orders: 2 })
  const first = group.member('first', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  first.process.kill()
  const second = group.member('second', { groupInstanceId: 'i-1' })
  await group.advance(5000)
  assert.equal(second.stateName, 'joining')
  await group.advance(8000)
  assert.equal(second.owned.size, 2)
})

test('a second holder of a group instance id gives up after a session; the first goes on', async () => {
  const group = new FakeConsumerGroup({ orders: 2 })
  const first = group.member('first', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  const second = group.member('second', { groupInstanceId: 'i-1' })
  await group.advance(20_000)
  assert.equal(second.fatal?.code, 'UNRELEASED_INSTANCE_ID')
  assert.match(second.fatal?.message ?? '', /Another member holds the group instance id "i-1"/)
  assert.equal(first.owned.size, 2)
  await group.world.run(second.leave())
  assert.ok(group.coordinator.log.every(({ body }) => body.memberEpoch >= 0))
})

test('a static member that was fenced lets go of its own instance id, and is back at once', async () => {
  const group = new FakeConsumerGroup({ orders: 2 })
  const a = group.member('a', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  group.coordinator.onNext(ErrorCode.FENCED_MEMBER_EPOCH)
  await group.advance(3000)
  assert.equal(a.told('lost').length, 1)
  assert.equal(a.owned.size, 2)
  // The same after a join whose answer was lost.
  const other = new FakeConsumerGroup({ orders: 2 })
  other.coordinator.onNext('swallowAnswer')
  const b = other.member('b', { groupInstanceId: 'i-1' })
  await other.advance(7000)
  assert.equal(b.owned.size, 2)
})

test('whoever takes our instance id fences us for good', async () => {
  const group = new FakeConsumerGroup({ orders: 2 })
  const a = group.member('a', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  group.coordinator.onNext(ErrorCode.FENCED_INSTANCE_ID)
  await group.advance(3000)
  assert.equal(a.fatal?.code, 'FENCED_INSTANCE_ID')
  assert.equal(a.stateName, 'failed')
  assert.equal(a.told('lost').length, 1)
  await group.world.run(a.leave())
  assert.ok(group.coordinator.log.every(({ body }) => body.memberEpoch >= 0))
})
