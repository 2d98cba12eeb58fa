/** The texts of docs/errors.md are what users really see. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuthenticationError, Kafka, type KafkaOptions, TimeoutError } from 'odradek'
import { certificates } from '../kafka/certificates.ts'
import { REPOSITORY } from '../kafka/java.ts'
import { kafkaScenario, ownKafkaScenario, type Scenario, scenario, whyNoKafka } from './clusters.ts'

const page = readFileSync(join(REPOSITORY, 'docs', 'errors.md'), 'utf8')
const compared = new Set<string>()

/** The texts of a section of the page, in order. */
function textsOf(title: string): readonly string[] {
  const [, after] = page.split(`### ${title}\n`)
  assert.ok(after !== undefined, `docs/errors.md has no section "${title}"`)
  const section = after.split(/^##/m)[0] ?? ''
  compared.add(title)
  return [...section.matchAll(/```text\n(.*)\n```/g)].map((match) => match[1] ?? '')
}

function same(title: string, error: Error, index = 0): void {
  const message = error.message.replaceAll(/(localhost|127\.0\.0\.1):\d+/g, 'localhost:9092')
  assert.equal(message, textsOf(title)[index])
}

/** What `send` rejects with; a retried failure must be inside of the TimeoutError's text. */
async function sendFailure(options: KafkaOptions, topic = 'orders'): Promise<Error> {
  const kafka = new Kafka(options)
  const producer = kafka.producer({
    maxBlockMs: 2000,
    requestTimeoutMs: 1000,
    deliveryTimeoutMs: 2000,
  })
  try {
    await producer.send(topic, { value: 'x' })
    assert.fail('it was expected to fail')
  } catch (error) {
    if (!(error instanceof TimeoutError)) return error as Error
    const cause = error.cause as Error
    assert.ok(error.message.includes(cause.message), error.message)
    return cause
  } finally {
    await kafka.close({ timeoutMs: 100 })
  }
}

async function listening<T>(
  server: ReturnType<typeof createServer> | ReturnType<typeof createHttpServer>,
  use: (bootstrapServers: string) => Promise<T>,
): Promise<T> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  }
}

test('wrong host, closed port', async () => {
  const host = await sendFailure({ bootstrapServers: 'kafka.invalid:9092' })
  same('The host name is wrong', host)
  const port = await listening(createServer(), async (address) => address)
  same('Nothing listens on the port', await sendFailure({ bootstrapServers: port }))
})

test('an HTTP server, and one that says nothing', async () => {
  const http = await listening(createHttpServer(), (bootstrapServers) =>
    sendFailure({ bootstrapServers }),
  )
  same('An HTTP server is on that port', http)
  const silent = createServer((socket) => socket.resume().on('error', () => undefined))
  const nothing = await listening(silent, (bootstrapServers) =>
    sendFailure({ bootstrapServers, connectionSetupTimeoutMs: 500 }),
  )
  same('Something is on that port that does not answer', nothing)
})

test('the text at the deadline has the reason', async () => {
  const kafka = new Kafka({ bootstrapServers: '127.0.0.1:1' })
  const producer = kafka.producer({ maxBlockMs: 2000 })
  const started = Date.now()
  const error = await producer.send('orders', { value: 'x' }).then(
    () => assert.fail('it was expected to fail'),
    (reason: unknown) => reason as Error,
  )
  assert.ok(Date.now() - started < 2500)
  const message = error.message
    .replaceAll(/127\.0\.0\.1:\d+/g, 'localhost:9092')
    .replace(/\(\d+ tries\)/, '(N tries)')
  assert.ok(page.includes(`\n${message}\n`), message)
  await kafka.close({ timeoutMs: 100 })
})

test('options', () => {
  const refusal = (options: object): Error => {
    try {
      const kafka = new Kafka(options as KafkaOptions)
      return assert.fail(`${kafka.effectiveOptions.clientId} was expected to be refused`)
    } catch (error) {
      return error as Error
    }
  }
  same('An option is unknown', refusal({ bootstrapServer: 'localhost:9092' }))
  const bootstrapServers = 'localhost:9092'
  same('An option is wrong', refusal({ bootstrapServers, requestTimeoutMs: '30s' }))
  const { message } = refusal({ bootstrapServers: 'localhost' })
  assert.equal(message, textsOf('A bootstrap server has no port')[0])
  const brokers = refusal({ brokers: ['localhost:9092'] })
  assert.equal(brokers.message, textsOf("An option is another client's")[0])
  same("An option is another client's", refusal({ bootstrapServers, logger: console }), 1)
  same('An option is null', refusal({ bootstrapServers, clientId: null }))
  same('An option holds a secret', refusal({ bootstrapServers, sasl: 'secret' }))
})

test('a method of another client, and a client that is closed', async () => {
  const kafka = new Kafka({ bootstrapServers: 'localhost:9092' })
  const ofAnother = kafka as unknown as { connect(): Promise<void> }
  const thrown = (call: () => unknown): Error => {
    try {
      call()
    } catch (error) {
      return error as Error
    }
    return assert.fail('it was expected to be refused')
  }
  same(
    "A method is another client's",
    thrown(() => ofAnother.connect()),
  )
  await kafka.close()
  same(
    'The client is closed',
    thrown(() => kafka.producer()),
  )
})

kafkaScenario('TLS in all the wrong ways', async (it, { plaintext, ssl }) => {
  const { ca } = certificates()
  same(
    'The client speaks TLS, the listener does not',
    await sendFailure({ bootstrapServers: plaintext, tls: { ca } }),
  )
  same('The listener speaks TLS, the client does not', await sendFailure({ bootstrapServers: ssl }))
  const untrusted = await atOnce(it, { bootstrapServers: ssl, tls: true })
  same('The certificate is not trusted', untrusted)
  const servername = 'kafka.example.com'
  const misnamed = await atOnce(it, { bootstrapServers: ssl, tls: { ca, servername } })
  same('The certificate is for another name', misnamed)
})

kafkaScenario('SASL in all the wrong ways', async (it, { plaintext, saslPlaintext, saslSsl }) => {
  const { ca } = certificates()
  const alice = { username: 'alice', password: 'wrong' } as const
  const refused = (mechanism: 'plain' | 'scram-sha-256') =>
    atOnce(it, { bootstrapServers: saslPlaintext, sasl: { mechanism, ...alice } })
  same('The password is wrong', await refused('plain'))
  same('The password is wrong', await refused('scram-sha-256'), 1)
  same(
    'The broker does not offer the mechanism',
    await atOnce(it, {
      bootstrapServers: saslSsl,
      tls: { ca },
      sasl: { mechanism: 'scram-sha-512', ...alice },
    }),
  )
  same(
    'The listener does not use SASL',
    await atOnce(it, { bootstrapServers: plaintext, sasl: { mechanism: 'plain', ...alice } }),
  )
  same(
    'The listener wants SASL, the client has none',
    await sendFailure({ bootstrapServers: saslPlaintext }),
  )
  const token = () => Promise.reject(new Error('the identity provider is down'))
  const sasl = { mechanism: 'oauthbearer', token } as const
  same('The token provider fails', await sendFailure({ bootstrapServers: saslPlaintext, sasl }))
})

/** The failure of a call that must not wait for its deadline. */
async function atOnce(_: Scenario, options: KafkaOptions): Promise<Error> {
  const started = Date.now()
  const error = await sendFailure(options)
  assert.ok(error instanceof AuthenticationError, error.message)
  assert.ok(Date.now() - started < 1500, 'it did not fail at once')
  return error
}

kafkaScenario('a topic that does not exist', async (it) => {
  await using producer = it.client().producer()
  const started = Date.now()
  const error = await producer.send('ordres', { value: 'x' }).then(
    () => assert.fail('it was expected to fail'),
    (reason: unknown) => reason as Error & { code?: string },
  )
  assert.equal(error.code, 'UNKNOWN_TOPIC_OR_PARTITION')
  assert.ok(Date.now() - started < 8000)
  assert.equal(error.message, textsOf('The topic does not exist')[0])
  const kafka = it.client()
  const warned = new Promise<string>((resolve) => {
    const listener = ({ message }: Error): void => {
      if (!message.startsWith('Finding topic')) return
      process.off('warning', listener)
      resolve(message)
    }
    process.on('warning', listener)
  })
  await using consumer = kafka.consumer({
    groupId: it.uniqueName('g'),
    topics: ['ordres'],
    startFrom: 'earliest',
  })
  const reading = consumer.run(() => undefined)
  assert.equal(await warned, textsOf('The topic does not exist')[1])
  await consumer.close()
  await reading
})

ownKafkaScenario(
  'an advertised listener that cannot be reached',
  { properties: { 'advertised.listeners': 'PLAINTEXT://127.0.0.1:1' } },
  async (it) => {
    const error = await it
      .client()
      .admin()
      .listTopics({ timeoutMs: 1000 })
      .then(
        () => assert.fail('it was expected to fail'),
        (reason: unknown) => reason,
      )
    assert.ok(error instanceof TimeoutError)
    same('The address that the cluster advertises cannot be reached', error.cause as Error)
  },
)

scenario('transactions in all the wrong ways', async (it) => {
  const topic = await it.topic()
  const transactionalId = it.uniqueName('t')
  const kafka = it.client()
  const record = { value: 'x' }
  /** Compares what `promise` rejects with, its names replaced by those of the page. */
  const told = async (promise: Promise<unknown>, title: string, code: string, index = 0) => {
    const error = await promise.then(
      () => assert.fail(`${title}: it was expected to fail`),
      (reason: unknown) => reason as Error & { readonly code?: string },
    )
    assert.equal(error.code, code)
    const message = error.message
      .replaceAll(transactionalId, 'invoices-1')
      .replaceAll(topic, 'invoices')
    same(title, new Error(message), index)
  }
  const producer = kafka.producer({ transactionalId, transactionTimeoutMs: 1000 })
  await told(producer.send(topic, record), 'A record is sent outside', 'NO_TRANSACTION')
  const over = await producer.transaction(async (tx) => {
    await told(
      producer.transaction(() => undefined),
      'Two transactions at once',
      'TRANSACTION_UNDER_WAY',
    )
    return tx
  })
  await told(over.send(topic, record), 'A transaction is used when it is over', 'TRANSACTION_OVER')
  let aborted = over
  const thrown = producer.transaction((tx) => {
    aborted = tx
    throw new Error('the printer is on fire')
  })
  await assert.rejects(thrown, /^Error: the printer is on fire$/)
  const title = 'Something is written in a transaction that was aborted'
  await told(aborted.send(topic, record), title, 'TRANSACTION_ABORTED')
  const tooLong = 'A transaction takes too long'
  let late: Promise<void> | undefined
  const slow = producer.transaction(async (tx) => {
    await tx.send(topic, record)
    await new Promise((resolve) => tx.signal.addEventListener('abort', resolve))
    late = told(tx.send(topic, record), tooLong, 'TIMED_OUT')
    await late
  })
  await told(slow, tooLong, 'TIMED_OUT')
  await late
  await using successor = kafka.producer({ transactionalId })
  const rivals = 'Another producer has the same transactionalId'
  const fenced = producer.transaction(async (tx) => {
    await tx.send(topic, record)
    await successor.transaction((own) => own.send(topic, record))
    await tx.send(topic, record)
  })
  await told(fenced, rivals, 'INVALID_PRODUCER_EPOCH')
  const again = producer.transaction((tx) => tx.send(topic, record))
  await told(again, rivals, 'PRODUCER_FENCED', 1)
  await using consumer = kafka.consumer({
    groupId: it.uniqueName('g'),
    topics: [topic],
    startFrom: 'earliest',
    isolationLevel: 'read_committed',
    transactional: true,
  })
  for await (const one of consumer) {
    consumer.seek({ topic, partition: 0, offset: 0 })
    const consuming = successor.transaction((tx) => tx.consume(one))
    const text = `before offset ${one.offset} was`
    await consuming.then(
      () => assert.fail('it was expected to fail'),
      (error: Error & { readonly code?: string }) => {
        assert.equal(error.code, 'COMMIT_FAILED')
        const message = error.message
          .replaceAll(topic, 'orders')
          .replace(text, 'before offset 12 was')
        same('What was consumed is not ours any more', new Error(message))
      },
    )
    break
  }
})

test('every text of the page was compared', { skip: whyNoKafka ?? false }, () => {
  const titles = [...page.matchAll(/^### (.*)$/gm)].map((match) => match[1])
  assert.deepEqual(
    titles.filter((title) => !compared.has(title ?? '')),
    [],
  )
})
