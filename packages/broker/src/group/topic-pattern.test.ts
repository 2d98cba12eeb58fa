import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileTopicPattern, matchingTopics } from './topic-pattern.ts'

const NAMES = ['orders', 'orders.eu', 'Orders', 'returns', 'a-b']

test('a pattern means whole names', () => {
  assert.deepEqual(matchingTopics('orders', NAMES), ['orders'])
  assert.deepEqual(matchingTopics('orders.*', NAMES), ['orders', 'orders.eu'])
  assert.deepEqual(matchingTopics('orders|returns', NAMES), ['orders', 'returns'])
  assert.deepEqual(matchingTopics('^a\\-b$', NAMES), ['a-b'])
  assert.deepEqual(matchingTopics('(?i)ORDERS', NAMES), ['Orders', 'orders'])
  assert.deepEqual(matchingTopics('(?P<name>o.*)', NAMES), ['orders', 'orders.eu'])
})

test('what RE2 refuses, or JavaScript reads differently, is invalid', () => {
  for (const pattern of [
    ...['(', '*', 'a**', '[', 'a\\', '(?=a)', '(?!a)', '(?<=a)b', '(a)\\1', '(?<n>a)\\k<n>'],
    ...[
      '\\Qa\\E',
      '\\pL',
      '\\Aorders',
      '[[:alpha:]]+',
      'a(?i)b',
      'a(?i:b)',
      'a{1,1001}',
      'a{1001}',
      'a{1001,}',
    ],
  ]) {
    assert.equal(compileTopicPattern(pattern), undefined, pattern)
  }
})
