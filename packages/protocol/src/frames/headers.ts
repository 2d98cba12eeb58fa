/**
 * Request and response headers. Three facts that no schema says: the client id keeps its classic
 * length even in flexible headers, an ApiVersions response always has the oldest header (a client
 * must be able to read it before it knows what the broker speaks), and a flexible body means a
 * flexible header.
 */
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

const API_VERSIONS = 18
const MAX_TAGGED_FIELDS = 10_000

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

export function writeRequestHeader(
  writer: Writer,
  header: RequestHeader,
  isFlexible: boolean,
): void {
  writer.int16(header.apiKey)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  if (header.clientId === null) writer.int16(-1)
  else {
    const size = Buffer.byteLength(header.clientId)
    writer.int16(size)
    writer.string(header.clientId, size)
  }
  if (isFlexible) writer.unsignedVarint(0)
}

/** Reads up to the client id; `skipTaggedFields` follows when the version is flexible. */
export function readRequestHeader(reader: Reader): RequestHeader {
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const size = reader.int16()
  return { apiKey, apiVersion, correlationId, clientId: size < 0 ? null : reader.string(size) }
}

export function hasFlexibleResponseHeader(apiKey: number, isFlexible: boolean): boolean {
  return isFlexible && apiKey !== API_VERSIONS
}

/** Headers carry no tagged field that this client knows; what is there is skipped, bounded. */
export function skipTaggedFields(reader: Reader): void {
  const count = reader.unsignedVarint()
  if (count > MAX_TAGGED_FIELDS) reader.fail(`A header claims ${count} tagged fields`)
  for (let index = 0; index < count; index++) {
    reader.unsignedVarint()
    reader.skip(reader.unsignedVarint())
  }
}
