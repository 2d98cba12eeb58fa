import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors/protocol-error.ts'
import { apis } from '../messages/apis.ts'
import { arbitraryOf } from './arbitrary.test-kit.ts'
import type { Fields } from './field.ts'
import type { MessageCodec } from './message.ts'

interface AnyMessage {
  readonly fields: Fields
  at(version: number): MessageCodec<unknown, unknown>
}

function* everyMessage(): Generator<readonly [message: AnyMessage, version: number]> {
  for (const api of Object.values(apis)) {
    for (let version = api.versions.min; version <= api.versions.max; version++) {
      yield [api.request, version]
      yield [api.response, version]
    }
  }
}

test('every message of every version is read back as it was written', () => {
  for (const [message, version] of everyMessage()) {
    const codec = message.at(version)
    fc.assert(
      fc.property(arbitraryOf(message.fields, version, codec.isFlexible), (value) => {
        const bytes = codec.encode(value)
        const decoded = codec.decode(bytes)
        assert.deepEqual(codec.encode(decoded), bytes)
      }),
      { numRuns: 8 },
    )
  }
})

test('any bytes give a value or a ProtocolError, whatever the message and its version', () => {
  for (const [message, version] of everyMessage()) {
    const codec = message.at(version)
    fc.assert(
      fc.property(
        arbitraryOf(message.fields, version, codec.isFlexible),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.nat(),
        (value, noise, position) => {
          const bytes = codec.encode(value)
          const at = bytes.length === 0 ? 0 : position % bytes.length
          for (const hostile of [
            Buffer.from(noise),
            bytes.subarray(0, at),
            Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at + noise.length)]),
          ]) {
            try {
              codec.decode(hostile)
            } catch (error) {
              assert.ok(error instanceof ProtocolError, String(error))
            }
          }
        },
      ),
      { numRuns: 6 },
    )
  }
})

test('a count that the remaining bytes cannot hold is refused before anything is allocated', () => {
  const codec = apis.Metadata.request.at(0)
  const hostile = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0])
  assert.throws(() => codec.decode(hostile), /claims 2147483647 elements.* in MetadataRequest v0/)
})

test('a value in a version that lacks its field is refused unless the field is ignorable', () => {
  const heartbeat = apis.Heartbeat.request.at(0)
  const request = { groupId: 'g', generationId: 1, memberId: 'm' }
  assert.throws(
    () => heartbeat.encode({ ...request, groupInstanceId: 'i' }),
    (error) => error instanceof ProtocolError && error.code === 'UNSUPPORTED_VERSION',
  )
  heartbeat.encode({ ...request, groupInstanceId: null })
})

test('tagged fields that this client does not know survive a round trip', () => {
  const codec = apis.Heartbeat.response.at(4)
  const bytes = codec.encode({
    errorCode: 0,
    unknownTaggedFields: [{ tag: 7, data: Buffer.from('later') }],
  })
  const decoded = codec.decode(bytes)
  assert.equal(decoded.unknownTaggedFields?.[0]?.data.toString(), 'later')
  assert.deepEqual(codec.encode(decoded), bytes)
})
