import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { apis } from '../messages/apis.ts'
import { consumerProtocolAssignment } from '../messages/consumer-protocol-assignment.ts'
import { consumerProtocolSubscription } from '../messages/consumer-protocol-subscription.ts'
import { isAccepted, mutations, truncations } from '../wire/hostile-bytes.test-kit.ts'
import { arbitraryOf } from './arbitrary.test-kit.ts'
import type { Fields } from './field.ts'
import type { MessageCodec } from './message.ts'

interface AnyMessage {
  readonly name: string
  readonly versions: { readonly min: number; readonly max: number }
  readonly fields: Fields
  at(version: number): MessageCodec<unknown, unknown>
}

interface Sample {
  readonly what: string
  readonly codec: MessageCodec<unknown, unknown>
  readonly bytes: Buffer
}

const MAX_SAMPLE_BYTES = 160
const { stackTraceLimit } = Error

// Hundreds of thousands of errors are made here; none of their stacks is read.
before(() => {
  Error.stackTraceLimit = 0
})
after(() => {
  Error.stackTraceLimit = stackTraceLimit
})

/** One message of every kind and version, the same in every run, neither empty nor long. */
function* samples(): Generator<Sample, void, undefined> {
  const messages: readonly AnyMessage[] = [
    ...Object.values(apis).flatMap((api) => [api.request, api.response]),
    consumerProtocolAssignment,
    consumerProtocolSubscription,
  ]
  for (const message of messages) {
    const { name, versions, fields } = message
    for (let version = versions.min; version <= versions.max; version++) {
      const codec = message.at(version)
      const options = { seed: version + 1, numRuns: 12 }
      const encoded = fc
        .sample(arbitraryOf(fields, version, codec.isFlexible), options)
        .map((value) => codec.encode(value))
        .filter((bytes) => bytes.length <= MAX_SAMPLE_BYTES)
        .sort((a, b) => b.length - a.length)
      yield { what: `${name} v${version}`, codec, bytes: encoded[0] ?? Buffer.alloc(0) }
    }
  }
}

test('a message that is cut off anywhere is refused', () => {
  for (const { what, codec, bytes } of samples()) {
    for (const part of truncations(bytes)) {
      assert.equal(
        isAccepted(() => codec.decode(part)),
        false,
        `${what}, ${part.length} of ${bytes.length} bytes`,
      )
    }
  }
})

test('a message with a wrong byte anywhere is a message or refused', () => {
  for (const { codec, bytes } of samples()) {
    for (const hostile of mutations(bytes, [0x80, 0xff])) isAccepted(() => codec.decode(hostile))
  }
})

test('bytes of chance are a message or refused', () => {
  for (const { codec } of samples()) {
    for (const noise of fc.sample(fc.uint8Array({ maxLength: 60 }), { seed: 5, numRuns: 20 })) {
      isAccepted(() => codec.decode(Buffer.from(noise)))
    }
  }
})

test('no array has more than a million elements, whatever the bytes would hold', () => {
  const count = 1_000_001
  const bytes = Buffer.alloc(4 + count * 2)
  bytes.writeInt32BE(count, 0)
  assert.throws(() => apis.Metadata.request.at(0).decode(bytes), /claims 1000001 elements/)
})

test('no string has more than 32767 bytes, also where lengths are compact', () => {
  const codec = apis.SaslAuthenticate.response.at(2)
  const text = 'x'.repeat(32_767)
  const answer = { errorCode: 58, errorMessage: text, authBytes: Buffer.alloc(0) }
  assert.equal(codec.decode(codec.encode(answer)).errorMessage, text)
  assert.throws(() => codec.encode({ ...answer, errorMessage: `${text}x` }), /32768 bytes/)
  const hostile = Buffer.alloc(40_000)
  hostile.set([0, 0, 0x81, 0x80, 0x02])
  assert.throws(() => codec.decode(hostile), /A string claims 32768 bytes/)
})

test('a uuid that is none is refused before it is sent', () => {
  const codec = apis.DescribeTopicPartitions.response.at(0)
  const topic = { errorCode: 0, name: 't', isInternal: false, partitions: [] }
  for (const topicId of ['', 'short', '!'.repeat(22), 'A'.repeat(23)]) {
    assert.throws(
      () => codec.encode({ throttleTimeMs: 0, topics: [{ ...topic, topicId }] }),
      /is no uuid/,
    )
  }
})
