/** Every way to connect that a Kafka offers. */
import assert from 'node:assert/strict'
import { Kafka, type KafkaOptions, type SaslOptions } from 'odradek'
import { apis } from '@odradek/protocol'
import { certificates } from '../kafka/certificates.ts'
import { kafkaScenario, ownKafkaScenario } from './clusters.ts'

async function works(options: KafkaOptions): Promise<void> {
  await using kafka = new Kafka(options)
  const metadata = await kafka.request(apis.Metadata, { topics: [] }, { returnErrors: true })
  assert.ok(metadata.brokers.length > 0)
}

const password = { username: 'alice', password: 'alice-secret' } as const
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A token without a signature, as the broker of the harness takes it. */
function token(lifetimeSeconds: number): { value: string } {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'alice', iat: now, exp: now + lifetimeSeconds }
  return { value: `${encode({ alg: 'none' })}.${encode(claims)}.` }
}

kafkaScenario('SASL: PLAIN, SCRAM of both sizes, OAUTHBEARER', async (_, { saslPlaintext }) => {
  const ways: readonly SaslOptions[] = [
    { mechanism: 'plain', ...password },
    { mechanism: 'scram-sha-256', ...password },
    { mechanism: 'scram-sha-512', ...password },
    { mechanism: 'oauthbearer', token: async () => token(3600) },
  ]
  for (const sasl of ways) await works({ bootstrapServers: saslPlaintext, sasl })
})

kafkaScenario('TLS, alone, with SASL, and with a client certificate', async (_, listeners) => {
  const { ca, clientCertificate: cert, clientKey: key } = certificates()
  await works({ bootstrapServers: listeners.ssl, tls: { ca } })
  await works({ bootstrapServers: listeners.ssl.replaceAll('127.0.0.1', 'localhost'), tls: { ca } })
  await works({ bootstrapServers: listeners.ssl, tls: { ca, cert, key } })
  const sasl = { mechanism: 'scram-sha-256', ...password } as const
  await works({ bootstrapServers: listeners.saslSsl, tls: { ca }, sasl })
})

ownKafkaScenario(
  'mutual TLS: without a certificate the broker refuses, and that is told at once',
  { properties: { 'ssl.client.auth': 'required', 'super.users': 'User:CN=client;User:ANONYMOUS' } },
  async (_, kafka) => {
    const { ca, clientCertificate: cert, clientKey: key } = certificates()
    const bootstrapServers = kafka.bootstrap('ssl')
    await using client = new Kafka({ bootstrapServers, tls: { ca, cert, key } })
    await using admin = client.admin()
    await admin.createTopics({ orders: { partitions: 1 } })
    assert.ok((await admin.listTopics()).has('orders'), 'it is who the certificate says')
    const started = Date.now()
    await using nobody = new Kafka({ bootstrapServers, tls: { ca } })
    await assert.rejects(nobody.admin().listTopics({ timeoutMs: 5000 }), {
      code: 'AUTHENTICATION_FAILED',
      message: /it refuses this client's certificate \(ERR_SSL_[\w/]+\)/,
    })
    assert.ok(Date.now() - started < 2000)
  },
)

ownKafkaScenario(
  'sessions end after 2 s, and no request of a client that renews them fails',
  { properties: { 'listener.name.sasl_plaintext.connections.max.reauth.ms': 2000 } },
  async (_, cluster) => {
    let tokens = 0
    const ways: readonly SaslOptions[] = [
      { mechanism: 'plain', ...password },
      { mechanism: 'scram-sha-512', ...password },
      {
        mechanism: 'oauthbearer',
        token: () => {
          tokens++
          return token(60)
        },
      },
    ]
    const bootstrapServers = cluster.bootstrap('saslPlaintext')
    await Promise.all(
      ways.map(async (sasl) => {
        await using kafka = new Kafka({ bootstrapServers, sasl })
        const ended: unknown[] = []
        kafka.on('disconnected', (event) => ended.push(event))
        const until = Date.now() + 7000
        let connected = 0
        kafka.on('connected', () => connected++)
        while (Date.now() < until) {
          await kafka.request(apis.Metadata, { topics: [] }, { returnErrors: true })
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        assert.deepEqual(ended, [], sasl.mechanism)
        assert.equal(connected, 1, 'it is one and the same connection')
      }),
    )
    assert.ok(tokens >= 3, `${tokens} tokens were asked for`)
  },
)

ownKafkaScenario(
  'brokers that are killed, stopped and paused, while a client goes on',
  { brokers: 3 },
  async (it, cluster) => {
    const kafka = it.client({ requestTimeoutMs: 3000 })
    await using admin = kafka.admin()
    const topic = it.uniqueName('orders')
    await admin.createTopics({ [topic]: { partitions: 6, replicationFactor: 3 } })
    await using producer = kafka.producer({ requestTimeoutMs: 3000, deliveryTimeoutMs: 100_000 })
    const over = new AbortController()
    const sent: Promise<unknown>[] = []
    const written = Array.from({ length: 6 }, () => 0)
    const writing = (async () => {
      for (let number = 0; !over.signal.aborted; number++) {
        const partition = number % 6
        const before = written[partition] ?? 0
        written[partition] = before + 1
        sent.push(producer.send(topic, { value: String(before), partition }))
        if (number % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await pause(500)
    await cluster.kill(1)
    await pause(3000)
    await cluster.restart(1)
    await pause(2000)
    cluster.pause(2)
    await pause(5000)
    cluster.resume(2)
    await pause(2000)
    await cluster.stop(3)
    await pause(2000)
    await cluster.restart(3)
    over.abort()
    await writing
    await Promise.all(sent)
    const ends = (await admin.listOffsets({ [topic]: 'latest' })).get(topic)
    assert.deepEqual(
      ends?.map(({ offset }) => offset),
      written,
      'every record is there once',
    )
  },
  { timeoutMs: 180_000 },
)
