import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean } from './did-you-mean.ts'

const KNOWN = ['groupId', 'sessionTimeoutMs', 'requestTimeoutMs', 'host', 'tls']

test('a slip of the pen is the name with the fewest edits', () => {
  assert.equal(didYouMean('groupID', KNOWN), 'Did you mean "groupId"?')
  assert.equal(didYouMean('sesionTimeoutMS', KNOWN), 'Did you mean "sessionTimeoutMs"?')
})

test('a part of names is all of them', () => {
  assert.equal(
    didYouMean('timeout', KNOWN),
    'Did you mean "sessionTimeoutMs" or "requestTimeoutMs"?',
  )
})

test('what is like no name gets no suggestion', () => {
  assert.equal(didYouMean('colour', KNOWN), '')
  assert.equal(didYouMean('foo', KNOWN), '')
})
