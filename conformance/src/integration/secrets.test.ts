/**
 * Secrets are planted in the options of running clients and of the embedded broker, and everything
 * that those let out is searched for them: errors, events, diagnostics channels, warnings of the
 * process, messages of the heartbeat thread, `util.inspect` and JSON.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { startBroker } from '@odradek/broker'
import { type Environment, realEnvironment, type Thread } from '@odradek/environment'
import { type ClientEvents, Kafka, type KafkaOptions } from 'odradek'
import { certificates } from '../kafka/certificates.ts'
import { REPOSITORY } from '../kafka/java.ts'
import { kafkaScenario } from './clusters.ts'

const PASSWORD = 'planted-password-7f3a91'
const WRONG = 'planted-mistake-55d0c2'
const PASSPHRASE = 'planted-passphrase-c8e1'
const TOKEN = 'planted-token-2b9d44'

/** The events that docs/events.md has, which another test holds against the types. */
const EVENTS = [
  ...readFileSync(join(REPOSITORY, 'docs', 'events.md'), 'utf8').matchAll(/^\| `(\w+)` \|/gm),
].map((match) => match[1] as keyof ClientEvents)

/** A text as it is, and as it looks in base64, in hex, in a printed and in a JSON buffer. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  // Where base64 begins within a longer text depends on what stands before: all three phases.
  const base64 = [0, 1, 2].map((phase) =>
    Buffer.from(secret.slice(phase, phase + Math.floor((secret.length - phase) / 3) * 3)).toString(
      'base64',
    ),
  )
  const spaced = hex.replaceAll(/(..)(?=.)/g, '$1 ')
  return [secret, ...base64, hex, spaced, [...bytes].join(','), [...bytes].join(', ')]
}

/** Everything that can be printed of a value. */
function printed(value: unknown): string {
  const parts = [inspect(value, { depth: 30, showHidden: true, maxArrayLength: null })]
  try {
    parts.push(JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? 0 : one)))
  } catch {
    // What has no JSON form shows nothing in it.
  }
  for (let error = value; error instanceof Error; error = error.cause) {
    parts.push(error.message, error.stack ?? '', String(error))
  }
  return parts.join('\n')
}

/** What was let out, and where. */
class Catch {
  readonly #found: { readonly where: string; readonly text: string }[] = []

  add(where: string, value: unknown): void {
    this.#found.push({ where, text: printed(value) })
  }

  has(where: string): boolean {
    return this.#found.some((one) => one.where.startsWith(where))
  }

  /** @throws AssertionError that names the place, when a secret is in one. */
  refuse(...secrets: readonly string[]): void {
    const leaks = this.#found.flatMap(({ where, text }) =>
      secrets
        .flatMap(formsOf)
        .flatMap((form) => (text.includes(form) ? [`${where}: ${form}`] : [])),
    )
    assert.deepEqual([...new Set(leaks)], [])
  }
}

/** The real world, whose threads are listened to. */
function listening(caught: Catch): Environment {
  const start = (options: Parameters<Environment['threads']['start']>[0]): Thread => {
    caught.add('data of the thread', options.data)
    const thread = realEnvironment.threads.start(options)
    thread.onMessage((message) => caught.add('message of the thread', message))
    thread.onExit((error) => caught.add('end of the thread', error))
    return thread
  }
  return { ...realEnvironment, threads: { available: true, start } }
}

/** Catches events, channels and warnings of the process while `body` runs. */
async function watching(
  caught: Catch,
  options: KafkaOptions,
  body: (kafka: Kafka) => Promise<void>,
  internals: { readonly environment?: Environment } = {},
): Promise<void> {
  const warn = (warning: Error): void => caught.add('warning', warning)
  process.on('warning', warn)
  const onChannel = (message: unknown, name: string | symbol): void =>
    caught.add(`channel ${String(name)}`, message)
  for (const name of EVENTS) subscribe(channel(`odradek:${name}`).name, onChannel)
  const kafka = new Kafka(options, internals)
  try {
    caught.add('kafka', kafka)
    caught.add('kafka.effectiveOptions', kafka.effectiveOptions)
    await body(kafka)
    caught.add('kafka, used', kafka)
  } finally {
    await kafka.close({ timeoutMs: 1000 }).catch((error: unknown) => caught.add('close', error))
    await new Promise((resolve) => void setImmediate(resolve))
    for (const name of EVENTS) unsubscribe(`odradek:${name}`, onChannel)
    process.off('warning', warn)
  }
}

async function caughtBy(caught: Catch, where: string, call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    caught.add(where, error)
    return true
  })
}

const LIMITS = { maxBlockMs: 1000, requestTimeoutMs: 500, deliveryTimeoutMs: 1000 }

test('secrets: a working client of every kind lets none of its own out', async () => {
  const { ca, brokerKey, brokerCertificate, clientKey, clientCertificate } = certificates()
  await using broker = await startBroker({
    topics: { t: 1 },
    sasl: { users: { shop: PASSWORD } },
    tls: { key: brokerKey, cert: brokerCertificate },
  })
  const caught = new Catch()
  for (const name of ['request', 'response', 'error', 'node', 'group'] as const) {
    broker.on(name, (event) => caught.add(`broker event ${name}`, event))
  }
  const line = clientKey.toString().split('\n')[3] as string
  const options: KafkaOptions = {
    bootstrapServers: broker.bootstrapServers,
    tls: { ca, key: clientKey, cert: clientCertificate, passphrase: PASSPHRASE },
    sasl: { mechanism: 'plain', username: 'shop', password: PASSWORD },
  }
  const use = async (kafka: Kafka): Promise<void> => {
    for (const name of EVENTS) kafka.on(name, (event) => caught.add(`event ${name}`, event))
    const producer = kafka.producer()
    caught.add('receipt', await producer.send('t', { key: 'k', value: 'v' }))
    const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], startFrom: 'earliest' })
    const share = kafka.shareConsumer({ groupId: 's', topics: ['t'] })
    const admin = kafka.admin()
    for await (const record of consumer) {
      caught.add('record', record)
      break
    }
    caught.add('groups', await admin.describeGroups(['g']))
    await caughtBy(caught, 'error of an admin', () => admin.describeTopics(['missing']))
    for (const part of [producer, consumer, share, admin]) {
      caught.add(part.constructor.name, part)
      if ('effectiveOptions' in part) caught.add('its options', part.effectiveOptions)
    }
  }
  await watching(caught, options, use, { environment: listening(caught) })
  caught.add('the broker', broker)
  assert.ok(caught.has('event connected'), 'events are caught')
  assert.ok(caught.has('channel odradek:connected'), 'channels are caught')
  assert.ok(caught.has('broker event request'), "the broker's events are caught")
  assert.ok(caught.has('data of the thread'), 'a heartbeat thread was started')
  caught.refuse(PASSWORD, PASSPHRASE, line)
})

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
  test(`secrets: a refused password (${mechanism}) is in no error, event or warning`, async () => {
    await using broker = await startBroker({
      topics: { t: 1 },
      sasl: { users: { shop: PASSWORD } },
    })
    const caught = new Catch()
    const options: KafkaOptions = {
      bootstrapServers: broker.bootstrapServers,
      sasl: { mechanism, username: 'shop', password: WRONG },
    }
    broker.on('request', (event) => caught.add('broker event request', event))
    await watching(caught, options, async (kafka) => {
      const consumer = kafka.consumer({
        ...{ groupId: 'g', topics: ['t'], startFrom: 'earliest', connectTimeoutMs: 500 },
      } as const)
      await caughtBy(caught, 'send', () => kafka.producer(LIMITS).send('t', { value: 'v' }))
      await caughtBy(caught, 'iteration', async () => consumer[Symbol.asyncIterator]().next())
    })
    assert.ok(caught.has('channel odradek:connectionFailed'), 'channels are caught')
    caught.refuse(PASSWORD, WRONG)
  })
}

test('secrets: a token is in no error, whether it is refused, misshapen or thrown about', async () => {
  await using broker = await startBroker({ topics: { t: 1 }, sasl: { users: { shop: PASSWORD } } })
  const caught = new Catch()
  const tokens: readonly (() => unknown)[] = [
    () => ({ value: TOKEN }),
    () => TOKEN,
    () => ({ token: TOKEN }),
    () => ({ value: [TOKEN] }),
  ]
  for (const token of tokens) {
    const options = {
      bootstrapServers: broker.bootstrapServers,
      sasl: { mechanism: 'oauthbearer', token },
    } as KafkaOptions
    await watching(caught, options, (kafka) =>
      caughtBy(caught, 'send', () => kafka.producer(LIMITS).send('t', { value: 'v' })),
    )
  }
  caught.refuse(TOKEN, PASSWORD)
})

kafkaScenario('secrets: a token that the broker refuses is not shown', async (_, listeners) => {
  const caught = new Catch()
  const options: KafkaOptions = {
    bootstrapServers: listeners.saslPlaintext,
    sasl: { mechanism: 'oauthbearer', token: () => ({ value: `${TOKEN}.e30.` }) },
  }
  await watching(caught, options, (kafka) =>
    caughtBy(caught, 'send', () => kafka.producer(LIMITS).send('t', { value: 'v' })),
  )
  assert.ok(caught.has('channel odradek:connectionFailed'), 'the token was refused')
  caught.refuse(TOKEN)
})

test('secrets: a key that is no key, and a broker that cannot be reached, show none', async () => {
  const caught = new Catch()
  const tls = { key: `-----BEGIN ${WRONG}-----`, cert: 'no certificate', passphrase: PASSPHRASE }
  const sasl = { mechanism: 'plain', username: 'shop', password: PASSWORD } as const
  const one = { bootstrapServers: '127.0.0.1:1', sasl }
  for (const options of [{ ...one, tls }, one]) {
    await watching(caught, options, (kafka) =>
      caughtBy(caught, 'send', () => kafka.producer(LIMITS).send('t', { value: 'v' })),
    )
  }
  caught.refuse(PASSWORD, PASSPHRASE, WRONG)
})

test('secrets: options of the embedded broker that are refused are not shown', async () => {
  const caught = new Catch()
  const mistakes: readonly object[] = [
    { sasl: WRONG },
    { sasl: [WRONG] },
    { sasl: { users: WRONG } },
    { sasl: { users: [WRONG] } },
    { sasl: { users: { shop: [WRONG] } } },
    { sasl: { users: { shop: WRONG }, mechanisms: ['PLAN'] } },
    { sasl: { users: { shop: WRONG }, sessionLifetimeMs: -1 } },
    { tls: WRONG },
    { tls: [WRONG] },
    { tls: { key: WRONG } },
    { tls: { key: WRONG, cert: WRONG } },
  ]
  for (const mistake of mistakes) {
    const where = `startBroker with ${Object.keys(mistake).join()} ${mistakes.indexOf(mistake)}`
    await startBroker(mistake).then(
      (broker) => broker.close(),
      (error: unknown) => caught.add(where, error),
    )
  }
  caught.refuse(WRONG)
})
