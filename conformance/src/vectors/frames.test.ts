import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AnyApi,
  apiByKey,
  decodeApiVersionsResponse,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Frame,
  FrameReader,
  peekCorrelationId,
  type RequestInput,
  type ResponseInput,
} from '@odradek/protocol'
import { type FrameVector, readVectors } from './vector-files.ts'

const vectors = readVectors('frames')

function known(direction: FrameVector['direction']): readonly (readonly [AnyApi, FrameVector])[] {
  return vectors.flatMap((vector) => {
    const api = apiByKey(vector.apiKey)
    return vector.direction !== direction || api === undefined ? [] : [[api, vector] as const]
  })
}

/** The frame without its size, which must be right. */
function unsized(frame: Frame): string {
  const bytes = Buffer.concat(frame.chunks)
  assert.equal(bytes.length, frame.byteLength)
  assert.equal(bytes.readInt32BE(0), bytes.length - 4)
  return bytes.subarray(4).toString('base64')
}

test('request frames have the headers that Kafka gives them, whatever the version', () => {
  for (const [api, { version, correlationId, clientId, frame }] of known('request')) {
    const decoded = decodeRequest(Buffer.from(frame, 'base64'))
    assert.ok('request' in decoded, `${api.name} v${version}`)
    const { request } = decoded
    assert.equal(request.api, api)
    assert.equal(request.version, version)
    assert.equal(request.correlationId, correlationId)
    assert.equal(request.clientId, clientId)
    const again = encodeRequest(api, version, {
      correlationId,
      clientId: request.clientId,
      // What was decoded is an input too, whatever the API.
      body: request.body as RequestInput<AnyApi>,
    })
    assert.equal(unsized(again), frame, `${api.name} v${version}`)
  }
})

test('response frames have the headers that Kafka gives them, whatever the version', () => {
  for (const [api, { version, correlationId, frame }] of known('response')) {
    const bytes = Buffer.from(frame, 'base64')
    assert.equal(peekCorrelationId(bytes), correlationId)
    const decoded = decodeResponse(api, version, bytes)
    assert.equal(decoded.correlationId, correlationId)
    const body = decoded.body as ResponseInput<AnyApi>
    const again = encodeResponse(api, version, { correlationId, body })
    assert.equal(unsized(again), frame, `${api.name} v${version}`)
  }
})

test('the refusal of an unknown ApiVersions version is understood in any version', () => {
  const refusal = vectors.find(({ direction }) => direction === 'unsupported')
  assert.ok(refusal !== undefined)
  const bytes = Buffer.from(refusal.frame, 'base64')
  for (const version of [0, 3, 5]) {
    const { errorCode, apiKeys } = decodeApiVersionsResponse(version, bytes)
    assert.equal(errorCode, 35)
    assert.deepEqual(
      apiKeys.map(({ apiKey }) => apiKey),
      [18],
    )
  }
})

test('a request of a newer version than ours is reported with what is needed to answer it', () => {
  const newest = known('request').filter(([api, { version }]) => version === api.versions.max)
  for (const [api, { correlationId, frame, version }] of newest) {
    const bytes = Buffer.from(frame, 'base64')
    bytes.writeInt16BE(version + 1, 2)
    const unsupported = { api, apiKey: api.apiKey, version: version + 1, correlationId }
    assert.deepEqual(decodeRequest(bytes), { unsupported })
  }
})

test('frames come out of a stream whole, wherever it is cut', () => {
  const frames = vectors.map(({ frame }) => Buffer.from(frame, 'base64'))
  const stream = Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.length)
      return [size, frame]
    }),
  )
  for (const step of [1, 3, 4, 5, 7, 64, 1000, 65_536, stream.length]) {
    let next = 0
    const reader = new FrameReader(stream.length, (frame) => {
      assert.ok(frame.equals(frames[next++] as Buffer))
    })
    for (let at = 0; at < stream.length; at += step) {
      const piece = stream.subarray(at, at + step)
      reader.push(piece, piece.length)
    }
    assert.equal(next, frames.length)
    assert.equal(reader.pendingBytes, 0)
  }
})
