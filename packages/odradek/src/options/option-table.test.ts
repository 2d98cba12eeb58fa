import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka } from '../kafka.ts'
import { parseProducerOptions, PRODUCER_OPTIONS } from '../producer/producer-options.ts'
import { parseBootstrapServers } from './bootstrap-servers.ts'
import { CLIENT_OPTIONS, type KafkaOptions } from './client-options.ts'

const bootstrapServers = 'localhost:9092'
const make = (options: object) => new Kafka({ bootstrapServers, ...options })

test('an unknown option is refused, and its neighbour named', () => {
  assert.throws(() => make({ clientID: 'x' }), {
    code: 'USAGE',
    message: 'new Kafka(...) has no option "clientID". Did you mean "clientId"?',
  })
  assert.throws(() => make({ somethingElse: 1 }), /has no option "somethingElse"\.$/)
  assert.throws(() => parseProducerOptions({ linger: 5 } as object), /Did you mean "lingerMs"/)
})

test('a wrong value is refused with what it must be and what it is', () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ requestTimeoutMs: -1 }, 'must be a whole number, 1 or more; it is -1.'],
    [{ requestTimeoutMs: '5s' }, 'must be a whole number, 1 or more; it is "5s".'],
    [{ metadataMaxAgeMs: 2 ** 31 }, 'must be at most 2147483647 ms; it is 2147483648.'],
    [{ clientId: '' }, 'must be a string that is not empty; it is "".'],
    [{ tls: { cafile: 'x' } }, '(there is no "cafile"); it is an object with cafile.'],
    [{ sasl: { mechanism: 'plain', password: 'secret' } }, 'it is an object with mechanism, pass'],
    [{ sasl: { mechanism: 'kerberos' } }, 'an object whose mechanism is one of plain, scram'],
    [{ sasl: { mechanism: 'plain' } }, 'with the strings "username" and "password"'],
    [{ sasl: { mechanism: 'oauthbearer' } }, 'with a function "token"'],
  ]
  for (const [options, text] of wrong) {
    assert.throws(
      () => make(options),
      (error: Error) => error.message.includes(text),
    )
  }
})

test('bootstrap servers are hosts with ports, in one string or a list', () => {
  const servers = parseBootstrapServers(['a:1, b:2', '[::1]:3', 'SASL_SSL://c:4'])
  assert.deepEqual(
    servers.map(({ host, port }) => `${host} ${port}`),
    ['a 1', 'b 2', '::1 3', 'c 4'],
  )
  for (const wrong of ['localhost', 'a:0', 'a:70000', '::1:9092', 'a:b']) {
    assert.throws(() => new Kafka({ bootstrapServers: wrong }), /is not host:port/)
  }
  assert.throws(() => new Kafka({ bootstrapServers: ' , ' }), /names no server/)
  assert.throws(() => new Kafka({} as KafkaOptions), /needs the option "bootstrapServers"/)
})

test('contradictions are refused', () => {
  assert.throws(() => parseProducerOptions({ acks: 1, enableIdempotence: true }), {
    message: "Idempotence needs acks: 'all'; kafka.producer(...) was given acks: 1.",
  })
  assert.throws(
    () => parseProducerOptions({ maxInFlightRequestsPerConnection: 6 }),
    /Idempotence allows at most 5/,
  )
  assert.throws(
    () => parseProducerOptions({ deliveryTimeoutMs: 10_000 }),
    /"deliveryTimeoutMs" \(10000\) must be at least "lingerMs" plus "requestTimeoutMs" \(30005\)/,
  )
  assert.throws(
    () => parseProducerOptions({ compressionLevel: 3 }),
    /"compressionLevel" is for gzip and zstd; the "compressionType" is "none"/,
  )
  assert.throws(
    () => parseProducerOptions({ compressionType: 'gzip', compressionLevel: 12 }),
    /of gzip must be a whole number from 1 to 9; it is 12/,
  )
  assert.equal(parseProducerOptions({ acks: 1 }).enableIdempotence, false)
  assert.equal(parseProducerOptions({ batchSize: 2 ** 24 }).batchSize, 2 ** 20)
})

test('undefined means the default, and the defaults are in force', () => {
  const kafka = make({ clientId: undefined })
  assert.equal(kafka.effectiveOptions.clientId, 'odradek')
  const options: Record<string, unknown> = { ...kafka.effectiveOptions }
  for (const { name, default: value } of CLIENT_OPTIONS) {
    if (value !== undefined) assert.equal(options[name], value, name)
  }
  const producer: Record<string, unknown> = { ...parseProducerOptions({}) }
  for (const { name, default: value } of PRODUCER_OPTIONS) {
    if (value !== undefined) assert.equal(producer[name], value, name)
  }
})
