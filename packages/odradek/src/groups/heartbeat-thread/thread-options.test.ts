import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENT_OPTIONS, type EffectiveKafkaOptions } from '../../options/client-options.ts'
import { parseOptions } from '../../options/option-table.ts'
import { threadOptions } from './thread-options.ts'

function optionsOf(extra: object): EffectiveKafkaOptions {
  return parseOptions(CLIENT_OPTIONS, { bootstrapServers: 'a:9092', ...extra }, 'a test')
}

test('TLS and passwords travel as plain data', () => {
  const sasl = { mechanism: 'plain', username: 'u', password: 'p' }
  const given = threadOptions(optionsOf({ sasl, tls: { ca: Buffer.from('pem') } }))
  assert.ok('options' in given)
  assert.deepEqual(given.options.sasl, sasl)
  assert.equal(typeof given.options.tls, 'object')
})

test('what a thread cannot call or copy is named', () => {
  const sasl = { mechanism: 'oauthbearer', token: () => ({ value: 't' }) }
  const oauth = threadOptions(optionsOf({ sasl }))
  assert.match('whyNot' in oauth ? oauth.whyNot : '', /sasl\.token is a function/)
  const clientId = (() => 'me') as unknown as string
  const custom = threadOptions({ ...optionsOf({}), clientId })
  assert.match('whyNot' in custom ? custom.whyNot : '', /cannot be copied to a thread/)
})
