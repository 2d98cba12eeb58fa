/** What is secret is in no error, inspection or JSON form, whatever mistake is made with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Kafka } from '../kafka.ts'

const SECRET = 'hunter2-swordfish'
const bootstrapServers = 'localhost:1'

// oxlint-disable-next-line typescript/no-explicit-any -- what TypeScript would refuse is tried.
const untyped = (value: unknown): any => value

/** Everything that can be printed of a value. */
function printed(value: unknown): string {
  const error = value instanceof Error ? `${value.message} ${value.stack ?? ''}` : ''
  return `${error} ${inspect(value, { depth: 20, showHidden: true })} ${JSON.stringify(value) ?? ''}`
}

test('a mistake in an option that holds a secret is reported without its value', () => {
  const mistakes: readonly object[] = [
    { sasl: SECRET },
    { sasl: [SECRET] },
    { sasl: { mechanism: 'plain', username: 'shop', password: [SECRET] } },
    { sasl: { mechanism: 'plain', password: SECRET } },
    { sasl: { mechanism: 'plain', username: null, password: SECRET } },
    { tls: SECRET },
    { tls: [SECRET] },
    { tls: { key: SECRET } },
    { tls: { key: SECRET, cert: 7 } },
    { tls: { passphrase: SECRET } },
    { bootstrapServers: `shop:${SECRET}@host` },
    { bootstrapServers: [`SASL_SSL://shop:${SECRET}@host:9092`] },
    { bootstrapServers: `SASL_SSL://shop:a/${SECRET}@host:9092` },
    { bootstrapServers: { password: SECRET } },
    { bootstrapServers: [[SECRET]] },
  ]
  for (const mistake of mistakes) {
    assert.throws(
      () => new Kafka(untyped({ bootstrapServers, ...mistake })),
      (error: Error) => {
        assert.doesNotMatch(printed(error), new RegExp(SECRET), JSON.stringify(mistake))
        assert.equal((error as Error & { code: string }).code, 'USAGE')
        return true
      },
    )
  }
})

test('a user before the host of a bootstrap server is refused with where it belongs', () => {
  assert.throws(() => new Kafka({ bootstrapServers: 'shop:swordfish@host:9092' }), {
    message:
      '"[redacted]@host:9092" in the option "bootstrapServers" is not host:port (for instance ' +
      'localhost:9092). A user and a password go into the option "sasl".',
  })
})

test('redacted options are refused as options of another client', () => {
  const sasl = { mechanism: 'plain', username: 'shop', password: SECRET } as const
  const kafka = new Kafka({ bootstrapServers, sasl })
  assert.throws(
    () => new Kafka({ ...kafka.effectiveOptions }),
    /must be what was given to the first/,
  )
})

test('effectiveOptions, inspections and JSON of a client and its parts have no secrets', () => {
  const kafka = new Kafka({
    bootstrapServers,
    sasl: { mechanism: 'plain', username: 'shop', password: SECRET },
    tls: { key: SECRET, cert: 'a certificate', passphrase: SECRET },
  })
  const parts = [
    kafka,
    kafka.effectiveOptions,
    kafka.producer(),
    kafka.producer().effectiveOptions,
    kafka.consumer({ groupId: 'g', topics: ['t'], startFrom: 'earliest' }),
    kafka.admin(),
  ]
  for (const part of parts) assert.doesNotMatch(printed(part), new RegExp(SECRET))
  const { sasl, tls } = kafka.effectiveOptions
  assert.deepEqual(sasl, { mechanism: 'plain', username: 'shop', password: '[redacted]' })
  assert.deepEqual(tls, { key: '[redacted]', cert: 'a certificate', passphrase: '[redacted]' })
})
