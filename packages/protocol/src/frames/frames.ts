/**
 * Whole frames: a size, a header and a body. A frame leaves as a list of chunks, so that record
 * batches are written to the socket from where they were built.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { apiByKey } from '../messages/apis.ts'
import { apiVersions } from '../messages/api-versions.ts'
import type { AnyApi, RequestInput, RequestOf, ResponseInput, ResponseOf } from '../schema/api.ts'
import { includesVersion } from '../schema/versions.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import {
  hasFlexibleResponseHeader,
  readRequestHeader,
  skipTaggedFields,
  writeRequestHeader,
} from './headers.ts'

const SIZE_BYTES = 4

/** Bytes for a socket, the four bytes of their size first. */
export interface Frame {
  readonly chunks: readonly Uint8Array[]
  readonly byteLength: number
}

export interface RequestFrame<A extends AnyApi> {
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: RequestInput<A>
}

export interface ResponseFrame<A extends AnyApi> {
  readonly correlationId: number
  readonly body: ResponseInput<A>
}

export function encodeRequest<A extends AnyApi>(
  api: A,
  version: number,
  { correlationId, clientId, body }: RequestFrame<A>,
): Frame {
  const codec = api.request.at(version)
  const writer = sizedWriter()
  const { apiKey } = api
  writeRequestHeader(
    writer,
    { apiKey, apiVersion: version, correlationId, clientId },
    codec.isFlexible,
  )
  codec.write(writer, body)
  return framed(writer)
}

export function encodeResponse<A extends AnyApi>(
  api: A,
  version: number,
  { correlationId, body }: ResponseFrame<A>,
): Frame {
  const codec = api.response.at(version)
  const writer = sizedWriter()
  writer.int32(correlationId)
  if (hasFlexibleResponseHeader(api.apiKey, codec.isFlexible)) writer.unsignedVarint(0)
  codec.write(writer, body)
  return framed(writer)
}

/** One that begins with room for the size, which is known at the end. */
function sizedWriter(): Writer {
  const writer = new Writer()
  writer.int32(0)
  return writer
}

function framed(writer: Writer): Frame {
  const { byteLength } = writer
  const chunks = writer.chunks()
  // The first chunk begins with the first thing that was written.
  const [first] = chunks as readonly [Uint8Array]
  const size = byteLength - SIZE_BYTES
  first[0] = size >>> 24
  first[1] = (size >>> 16) & 0xff
  first[2] = (size >>> 8) & 0xff
  first[3] = size & 0xff
  return { chunks, byteLength }
}

/** The request that a response belongs to; it is read first. */
export function peekCorrelationId(frame: Buffer): number {
  return new Reader(frame).int32()
}

/** Decodes a response (without its size). Bytes that are left over are refused. */
export function decodeResponse<A extends AnyApi>(
  api: A,
  version: number,
  frame: Buffer,
): { readonly correlationId: number; readonly body: ResponseOf<A> } {
  const codec = api.response.at(version)
  const reader = new Reader(frame)
  const correlationId = reader.int32()
  if (hasFlexibleResponseHeader(api.apiKey, codec.isFlexible)) skipTaggedFields(reader)
  const body = codec.read(reader) as ResponseOf<A>
  if (reader.remaining > 0) {
    throw new ProtocolError(`${api.name} v${version} is followed by ${reader.remaining} bytes`)
  }
  return { correlationId, body }
}

export interface DecodedRequest<A extends AnyApi = AnyApi> {
  readonly api: A
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: RequestOf<A>
}

/** A request whose API or version the receiver does not know: it still needs a response. */
export interface UnsupportedRequest {
  readonly api: AnyApi | undefined
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
}

/**
 * Decodes a request (without its size), for brokers. An ApiVersions request of an unknown version
 * is given back as unsupported, to be answered with version 0, by which clients find common
 * ground.
 */
export function decodeRequest(
  frame: Buffer,
): { readonly request: DecodedRequest } | { readonly unsupported: UnsupportedRequest } {
  const reader = new Reader(frame)
  const { apiKey, apiVersion: version, correlationId, clientId } = readRequestHeader(reader)
  const api = apiByKey(apiKey)
  if (api === undefined || !includesVersion(api.versions, version)) {
    return { unsupported: { api, apiKey, version, correlationId } }
  }
  const codec = api.request.at(version)
  if (codec.isFlexible) skipTaggedFields(reader)
  const body = codec.read(reader)
  if (reader.remaining > 0) {
    throw new ProtocolError(`${api.name} v${version} is followed by ${reader.remaining} bytes`)
  }
  return { request: { api, version, correlationId, clientId, body } }
}

/**
 * Decodes an ApiVersions response of the version asked for, or the version 0 body with which a
 * broker says that it does not know that version.
 */
export function decodeApiVersionsResponse(
  version: number,
  frame: Buffer,
): ResponseOf<typeof apiVersions> {
  const reader = new Reader(frame)
  reader.int32()
  const UNSUPPORTED_VERSION = 35
  const errorCode = frame.length >= 6 ? frame.readInt16BE(4) : 0
  const actual = errorCode === UNSUPPORTED_VERSION ? 0 : version
  return decodeResponse(apiVersions, actual, frame).body
}
