import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeCommitNote, encodeCommitNote } from './offset-metadata.ts'

const topicId = '9sP2vQ0oSHuWcV4mC1x8Zg'

test('S11 the id of a topic, and the start, are noted beside what others wrote', () => {
  for (const foreign of ['', 'host-7', 'a;b=c d', 'odradek:9;x=1']) {
    for (const start of [undefined, 1_764_031_644_000]) {
      const note = { topicId, start, foreign }
      assert.deepEqual(decodeCommitNote(encodeCommitNote(note)), note)
    }
  }
  assert.equal(
    encodeCommitNote({ topicId, start: 5, foreign: 'host-7' }),
    'host-7 odradek:1;topic=9sP2vQ0oSHuWcV4mC1x8Zg;start=5',
  )
})

test('S11 what others wrote is left alone, and never taken for a note', () => {
  for (const foreign of ['xodradek:1;start=5', 'odradek:2;start=5', 'odradek:1;start', '{"a":1}']) {
    assert.deepEqual(decodeCommitNote(foreign), { topicId: undefined, start: undefined, foreign })
  }
  assert.equal(decodeCommitNote(null).foreign, '')
  const foreign = 'x'.repeat(2000)
  assert.equal(encodeCommitNote({ topicId, start: 5, foreign }), foreign)
})

test('S11 parts that are unknown or wrong are passed over', () => {
  const note = decodeCommitNote('odradek:1;topic=short;later=yes;start=5')
  assert.deepEqual(note, { topicId: undefined, start: 5, foreign: '' })
})
