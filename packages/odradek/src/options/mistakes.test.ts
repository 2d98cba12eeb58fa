/** What is misspelt is refused with a sentence, in every public call that takes options. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka } from '../kafka.ts'
import { topic } from '../serdes/topic.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- what TypeScript would refuse is tried.
const wrong = (options: object): any => options

const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], startFrom: 'earliest' })
const shareConsumer = kafka.shareConsumer({ groupId: 'g', topics: ['t'] })
const producer = kafka.producer()
const admin = kafka.admin()
const signal = new AbortController().signal

const MISTAKES: Readonly<Record<string, readonly [() => unknown, string]>> = {
  'kafka.close(...)': [() => kafka.close(wrong({ timeoutMS: 1 })), 'timeoutMs'],
  'kafka.request(...)': [() => kafka.request(wrong({}), wrong({}), wrong({ nodeID: 1 })), 'nodeId'],
  'kafka.closeOnSignal(...)': [() => kafka.closeOnSignal(wrong({ signal: [] })), 'signals'],
  'producer.send(...)': [
    () => producer.send('t', { value: 'x' }, wrong({ sigal: signal })),
    'signal',
  ],
  'producer.close(...)': [() => producer.close(wrong({ timeout: 1 })), 'timeoutMs'],
  'consumer.commit(...)': [() => consumer.commit(undefined, wrong({ singal: signal })), 'signal'],
  'consumer.stream(...)': [() => consumer.stream(wrong({ highwatermark: 1 })), 'highWaterMark'],
  'consumer.run(...)': [() => consumer.run(() => {}, wrong({ concurency: 1 })), 'concurrency'],
  'consumer.close(...)': [() => consumer.close(wrong({ goup: 'leave' })), 'group'],
  'consumer.seek(...)': [
    () => consumer.seek(wrong({ topic: 't', partition: 0, ofset: 1 })),
    'offset',
  ],
  'shareConsumer.run(...)': [
    () => shareConsumer.run(() => {}, wrong({ onErrors: 'reject' })),
    'onError',
  ],
  'shareConsumer.close(...)': [() => shareConsumer.close(wrong({ timeoutms: 1 })), 'timeoutMs'],
  'admin.listTopics(...)': [() => admin.listTopics(wrong({ internals: true })), 'internal'],
  'admin.listOffsets(...)': [
    () => admin.listOffsets({}, wrong({ isolationlevel: 'read_committed' })),
    'isolationLevel',
  ],
  'admin.deleteTopics(...)': [() => admin.deleteTopics([], wrong({ signals: signal })), 'signal'],
  'topic(...)': [() => topic('t', wrong({ valeu: 1 })), 'value'],
}

for (const [where, [call, meant]] of Object.entries(MISTAKES)) {
  test(`${where} refuses an option that is misspelt, and names the one that is meant`, async () => {
    await assert.rejects(
      async () => call(),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'USAGE', error.message)
        assert.ok(error.message.startsWith(`${where} has no option "`), error.message)
        assert.ok(error.message.endsWith(`Did you mean "${meant}"?`), error.message)
        return true
      },
    )
  })
}

test('a value of the wrong kind is refused where it is given', async () => {
  const notASignal = wrong({ signal: new AbortController() })
  await assert.rejects(producer.send('t', { value: 'x' }, notASignal), /must be an AbortSignal/)
  await assert.rejects(consumer.commit(undefined, notASignal), /must be an AbortSignal/)
  await assert.rejects(async () => kafka.close({ timeoutMs: -1 }), /0 or more; it is -1/)
  assert.throws(() => consumer.close(wrong({ group: 'stay' })), /one of "leave", "remain"/)
  assert.throws(
    () => consumer.seek(wrong({ topic: 't', partition: 0 })),
    /needs the option "offset"/,
  )
  // As clients that count in bigints have them.
  assert.throws(
    () => consumer.seek(wrong({ topic: 't', partition: 0, offset: 5n })),
    /must be a whole number, 0 or more, "earliest" or "latest"; it is 5n\./,
  )
  const admin = kafka.admin()
  await assert.rejects(admin.listOffsets(wrong({ t: 5n })), /times in ms; 5n is none of them/)
  await assert.rejects(
    admin.alterShareGroupOffsets('g', wrong({ t: { 0: 5n } })),
    /takes offsets by topic, .* 5n is none\./,
  )
  await assert.rejects(
    admin.listGroups(wrong({ type: 'shares' })),
    /must be one of "classic", "consumer", "share", "streams"; it is "shares"/,
  )
})

test('an event that does not exist is refused, by whoever is asked', () => {
  for (const one of [kafka, consumer, shareConsumer, producer]) {
    assert.throws(() => one.on(wrong('conectionFailed' as never), () => {}), {
      code: 'USAGE',
      message: 'There is no event "conectionFailed". Did you mean "connectionFailed"?',
    })
    assert.throws(() => one.on(wrong('somethingElse' as never), () => {}), /docs\/events\.md/)
    assert.throws(() => one.on('stalled', wrong({})), /takes a function/)
  }
})

test('a certificate without its key, and the like, is refused at construction', () => {
  const make = (tls: object) => () => new Kafka({ bootstrapServers: 'a:1', tls: wrong(tls) })
  assert.throws(make({ cert: 'pem' }), /must be an object with "key" where there is "cert"/)
  assert.throws(make({ key: 'pem' }), /must be an object with "cert" where there is "key"/)
  assert.throws(make({ passphrase: 'x' }), /with "key" where there is "passphrase"/)
  assert.throws(make({ ca: 5 }), /whose "ca" is PEM text/)
  assert.throws(make({ cert: 'pem', key: 7 }), /whose "key" is a PEM text/)
  assert.throws(make({ minVersion: 'TLSv1' }), /whose "minVersion" is "TLSv1.2" or "TLSv1.3"/)
  assert.throws(make({ rejectUnauthorized: 'no' }), /is true or false/)
  make({ ca: ['pem', Buffer.from('pem')], cert: 'pem', key: 'pem', passphrase: 'x' })()
})
