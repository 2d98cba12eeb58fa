import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors/protocol-error.ts'
import { apis } from '../messages/apis.ts'
import { isAccepted, mutations, truncations } from '../wire/hostile-bytes.test-kit.ts'
import {
  decodeApiVersionsResponse,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Frame,
  peekCorrelationId,
} from './frames.ts'

function unsized({ chunks }: Frame): Buffer {
  return Buffer.concat(chunks).subarray(4)
}

const heartbeat = { groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null }

function requestOf(version: number): Buffer {
  const body = heartbeat
  return unsized(
    encodeRequest(apis.Heartbeat, version, { correlationId: 7, clientId: 'client', body }),
  )
}

test('a request that is cut off or has a wrong byte is a request or refused', () => {
  for (const version of [0, 3, 4]) {
    const bytes = requestOf(version)
    for (const part of truncations(bytes))
      assert.equal(
        isAccepted(() => decodeRequest(part)),
        false,
      )
    for (const hostile of mutations(bytes)) isAccepted(() => decodeRequest(hostile))
  }
})

test('a response that is cut off or has a wrong byte is a response or refused', () => {
  const body = { throttleTimeMs: 1, errorCode: 27 }
  for (const version of [0, 1, 4]) {
    const frame = encodeResponse(apis.Heartbeat, version, { correlationId: 7, body })
    const decode = (bytes: Buffer) => decodeResponse(apis.Heartbeat, version, bytes)
    for (const part of truncations(unsized(frame)))
      assert.equal(
        isAccepted(() => decode(part)),
        false,
      )
    for (const hostile of mutations(unsized(frame))) isAccepted(() => decode(hostile))
  }
})

test('frames of chance are frames or refused', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.integer({ min: 0, max: 5 }),
      (noise, version) => {
        const bytes = Buffer.from(noise)
        isAccepted(() => peekCorrelationId(bytes))
        isAccepted(() => decodeRequest(bytes))
        isAccepted(() => decodeApiVersionsResponse(version, bytes))
      },
    ),
    { numRuns: 3000 },
  )
})

test('tagged fields of a header are skipped, and never more than there can be', () => {
  const bytes = requestOf(4)
  const headerTagsAt = 2 + 2 + 4 + 2 + 'client'.length
  const tags = Buffer.from([2, 0, 3, 1, 2, 3, 9, 0])
  const tagged = Buffer.concat([
    bytes.subarray(0, headerTagsAt),
    tags,
    bytes.subarray(headerTagsAt + 1),
  ])
  const decoded = decodeRequest(tagged)
  assert.ok('request' in decoded)
  assert.deepEqual({ ...decoded.request.body }, heartbeat)
  const hostile = Buffer.concat([
    bytes.subarray(0, headerTagsAt),
    Buffer.from([0xff, 0xff, 0xff, 0x7f]),
  ])
  assert.throws(() => decodeRequest(hostile), ProtocolError)
})

test('bytes that follow a message are refused', () => {
  const extended = Buffer.concat([requestOf(0), Buffer.alloc(1)])
  assert.throws(() => decodeRequest(extended), /is followed by 1 bytes/)
})
