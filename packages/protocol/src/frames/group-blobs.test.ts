import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors/protocol-error.ts'
import { isAccepted, mutations, truncations } from '../wire/hostile-bytes.test-kit.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './group-blobs.ts'

const subscription = encodeSubscription({
  topics: ['orders', 'käfer'],
  userData: Buffer.from('user data'),
  ownedPartitions: [{ topic: 'orders', partitions: [0, 3] }],
  generationId: 12,
  rackId: 'rack-1',
})
const assignment = encodeAssignment({
  assignedPartitions: [{ topic: 'orders', partitions: [0, 3] }],
  userData: null,
})

test('what members exchange is read as it was written', () => {
  const read = decodeSubscription(subscription)
  assert.deepEqual(read.topics, ['orders', 'käfer'])
  assert.deepEqual(
    read.ownedPartitions.map((one) => ({ ...one })),
    [{ topic: 'orders', partitions: [0, 3] }],
  )
  assert.equal(read.generationId, 12)
  assert.equal(read.rackId, 'rack-1')
  assert.equal(decodeAssignment(assignment).userData, null)
})

test('a newer version is read as far as it is known', () => {
  const newer = Buffer.concat([subscription, Buffer.from('more')])
  newer.writeInt16BE(99, 0)
  assert.deepEqual(decodeSubscription(newer), decodeSubscription(subscription))
})

test('a subscription of version 1 that ends before its owned partitions is read', () => {
  // As @platformatic/kafka writes it.
  const bytes = Buffer.from('0001000000010004746573 74ffffffff'.replaceAll(' ', ''), 'hex')
  const { topics, userData, ownedPartitions, generationId, rackId } = decodeSubscription(bytes)
  assert.deepEqual([topics, userData, ownedPartitions], [['test'], null, []])
  assert.deepEqual([generationId, rackId], [-1, null])
})

test('a subscription that ends early is refused where all fields of its version are required', () => {
  const bytes = Buffer.from('000100000001000474657374ffffffff', 'hex')
  assert.throws(() => decodeSubscription(bytes, 'all'), ProtocolError)
  assert.deepEqual(decodeSubscription(subscription, 'all'), decodeSubscription(subscription))
})

test('each field of a subscription is read where it is there', () => {
  const read = decodeSubscription(subscription.subarray(0, subscription.length - 8))
  assert.deepEqual([read.topics, read.generationId, read.rackId], [['orders', 'käfer'], 12, null])
})

test('blobs of other clients may say anything', () => {
  // Version 0 ends behind the user data: what is cut off there has its defaults.
  const versionZero = 2 + 4 + (2 + 6) + (2 + 6) + 4 + 9
  for (const part of truncations(subscription)) {
    assert.equal(
      isAccepted(() => decodeSubscription(part)),
      part.length >= versionZero,
      `${part.length} bytes`,
    )
  }
  for (const part of truncations(assignment)) {
    assert.equal(
      isAccepted(() => decodeAssignment(part)),
      false,
    )
  }
  for (const hostile of mutations(subscription)) isAccepted(() => decodeSubscription(hostile))
  for (const hostile of mutations(assignment)) isAccepted(() => decodeAssignment(hostile))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (noise) => {
      isAccepted(() => decodeSubscription(Buffer.from(noise)))
      isAccepted(() => decodeAssignment(Buffer.from(noise)))
    }),
  )
})
