import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupMember } from '../assignors/assignor.ts'
import { range } from '../assignors/index.ts'
import { MAX_MEMBERS, refuseTooMany } from './group-leader.ts'

test('a group with more members than can be divided among is refused with what to do', () => {
  refuseTooMany(MAX_MEMBERS, range)
  assert.throws(() => refuseTooMany(MAX_MEMBERS + 1, range), {
    code: 'USAGE',
    message: /has 50001 members; "range" divides .* 50000 at most.*groupProtocol: 'consumer'/,
  })
})

test('a member without topics gets nothing, and takes no time from others', () => {
  const nobody = (index: number): GroupMember => ({
    memberId: `m${index}`,
    groupInstanceId: null,
    topics: index === 7 ? ['orders'] : [],
    ownedPartitions: [],
    userData: null,
    generationId: -1,
    rackId: null,
  })
  const members = Array.from({ length: 5000 }, (_, index) => nobody(index))
  const plan = range.assign({ members, partitionCounts: new Map([['orders', 5000]]) })
  assert.equal(plan.get('m7')?.length, 5000)
})
