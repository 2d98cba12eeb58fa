/**
 * Null in place of an argument, or within one, is refused with a sentence before anything is sent.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis } from '@odradek/protocol'
import { Kafka } from '../kafka.ts'

const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const admin = kafka.admin()
const share = kafka.shareConsumer({ groupId: 'g', topics: ['t'] })

// oxlint-disable-next-line typescript/no-explicit-any -- what TypeScript would refuse is tried.
const untyped = (value: unknown): any => value

async function refuses(call: () => unknown, message: RegExp): Promise<void> {
  await assert.rejects(async () => call(), { code: 'USAGE', message })
}

test('a config of a new topic that is null is refused, and not written as the text "null"', async () => {
  const create = (topic: unknown) => () => admin.createTopics(untyped({ t: topic }))
  await refuses(
    create({ configs: { 'retention.ms': null } }),
    /"configs" of admin\.createTopics\(\{ t: \.\.\. \}\) must be .* \("retention\.ms" is null\)/,
  )
  await refuses(create({ configs: { 'cleanup.policy': ['compact'] } }), /"cleanup\.policy" is \[/)
  await refuses(create({ configs: ['compact'] }), /must be an object of texts, numbers and/)
})

test('assignments of a new topic are lists of node ids by partition', async () => {
  const create = (assignments: unknown) => () => admin.createTopics(untyped({ t: { assignments } }))
  const message = /"assignments" .* must be lists of node ids by partition, like \{ 0: \[1, 2\] \}/
  for (const wrong of [{ 0: null }, { 0: 1 }, { 0: ['1'] }, { 0: [] }, { x: [1] }, {}]) {
    await refuses(create(wrong), message)
  }
})

test('listOffsets takes an object of offsets by topic', async () => {
  for (const wrong of [null, undefined, 'orders', ['orders']]) {
    await refuses(
      () => admin.listOffsets(untyped(wrong)),
      /listOffsets\(\.\.\.\) takes offsets by topic/,
    )
  }
  await refuses(() => admin.listOffsets(untyped({ t: null })), /null is none of them/)
  await refuses(() => admin.listOffsets(untyped({ t: 'toString' })), /"toString" is none of them/)
})

test('a share consumer takes options, and its acknowledgements take records', async () => {
  for (const wrong of [null, undefined]) {
    await refuses(() => kafka.shareConsumer(untyped(wrong)), /takes an object of options/)
  }
  for (const name of ['accept', 'release', 'reject', 'renew'] as const) {
    for (const wrong of [null, undefined, { offset: 1 }]) {
      const message = /^accept, release, reject and renew take a record that this share consumer/
      await refuses(() => share[name](untyped(wrong)), message)
    }
  }
})

test('a misspelt part of "sasl" is refused', async () => {
  const make = (sasl: object) => () =>
    new Kafka({ bootstrapServers: 'a:1', sasl: untyped({ mechanism: 'plain', ...sasl }) })
  await refuses(
    make({ username: 'u', password: 'secret', authorizationIdentity: null }),
    /must be an object of mechanism, username, password \(there is no "authorizationIdentity"\)/,
  )
  await refuses(make({ mechanism: 'oauthbearer', tokn: () => '' }), /there is no "tokn"/)
})

test('null in a record is refused before its topic is looked for', async () => {
  const producer = kafka.producer()
  const send = (record: unknown) => () => producer.send('t', untyped(record))
  await refuses(
    send({ value: 'x', partition: null }),
    /partition of a record for t is null\. Leave/,
  )
  await refuses(send({ value: 'x', headers: null }), /headers of a record for t is null\. Leave/)
  await refuses(send([null]), /A record for t must be an object/)
  await refuses(send([undefined]), /A record for t must be an object/)
  await refuses(
    () => producer.write('t', untyped({ value: 'x', partition: null })),
    /partition of a record for t is null/,
  )
})

test('a raw request takes an API and its body', async () => {
  for (const wrong of [null, undefined, {}, 'Metadata']) {
    await refuses(() => kafka.request(untyped(wrong), { topics: [] }), /takes an API and its body/)
  }
  for (const wrong of [null, undefined, 3]) {
    await refuses(() => kafka.request(apis.Metadata, untyped(wrong)), /its body is/)
  }
})
