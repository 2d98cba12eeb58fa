import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka } from '../kafka.ts'

test('an event that has another name now is refused with the new one', () => {
  const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
  assert.throws(() => kafka.on('storm' as 'rebalanceStorm', () => undefined), {
    code: 'USAGE',
    message: 'There is no event "storm". It is "rebalanceStorm" now.',
  })
})
