import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../errors/errors.ts'
import { patternOf } from './topic-pattern.ts'

test('a pattern for whole names is sent as it is, an open one says so', () => {
  const patterns: readonly (readonly [RegExp, string])[] = [
    [/^orders-.*/, '^orders-.*'],
    [/^orders-.*$/, '^orders-.*$'],
    [/.*-eu$/, '.*-eu$'],
    [/^orders-/, '^orders-.*'],
    [/-eu$/, '.*-eu$'],
    [/orders/, '.*orders.*'],
    [/^a|b$/, '.*(?:^a|b$).*'],
    [/^a\.*/, '^a\\.*.*'],
    [/^a\$/, '^a\\$.*'],
    [/^a\\$/, '^a\\\\$'],
    [/^Orders-.*/iu, '(?i)^Orders-.*'],
  ]
  const names = ['orders-eu', 'orders-', 'my-orders', 'a', 'ab', 'b', 'a..', 'Orders-eu', 'a$', 'x']
  for (const [regex, expected] of patterns) {
    assert.equal(patternOf(regex), expected)
    // Both mean the same, each in its own way.
    const whole = new RegExp(`^(?:${expected.replace('(?i)', '')})$`, regex.flags)
    for (const name of names) assert.equal(whole.test(name), regex.test(name), `${regex} ${name}`)
  }
})

test('what brokers cannot say is refused', () => {
  for (const regex of [/a/g, /a/y, /a/d, /(?=a)b/, /(?<!a)b/, /(a)\1/, /(?<x>a)\k<x>/]) {
    assert.throws(() => patternOf(regex), UsageError)
  }
})
