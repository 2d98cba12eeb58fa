import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSubscription } from '@odradek/protocol'
import { type JoinAnswer, membersOf } from './classic-requests.ts'

const OURS = encodeSubscription({ topics: ['test'], userData: null, ownedPartitions: [] })
/** Version 1 without its owned partitions, as @platformatic/kafka writes it. */
const THEIRS = Buffer.from('000100000001000474657374ffffffff', 'hex')

function answerOf(metadata: Readonly<Record<string, Buffer>>): JoinAnswer {
  const members = Object.entries(metadata).map(([memberId, bytes]) => ({
    memberId,
    groupInstanceId: null,
    metadata: bytes,
  }))
  return { members } as unknown as JoinAnswer
}

test('S46 a member whose subscription ends early gets partitions as any other', () => {
  const unreadable: string[] = []
  const members = membersOf(answerOf({ ours: OURS, theirs: THEIRS }), (memberId) => {
    unreadable.push(memberId)
  })
  assert.deepEqual(
    members.map(({ memberId, topics, ownedPartitions }) => [memberId, topics, ownedPartitions]),
    [
      ['ours', ['test'], []],
      ['theirs', ['test'], []],
    ],
  )
  assert.deepEqual(unreadable, [])
})

test('S46 a member whose subscription cannot be read at all is reported, and gets nothing', () => {
  const unreadable: string[] = []
  const members = membersOf(answerOf({ ours: OURS, theirs: Buffer.from('hello') }), (...args) => {
    unreadable.push(`${args[0]}: ${args[1].name}`)
  })
  assert.deepEqual(members[1]?.topics, [])
  assert.deepEqual(unreadable, ['theirs: ProtocolError'])
})
