/**
 * The committed vectors: what Kafka's own classes wrote, one JSON object a line, gzipped. Bytes are
 * base64; 64-bit integers are strings of digits, because JSON numbers end at 2^53 here.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { REPOSITORY } from '../kafka/java.ts'

export const VECTORS = join(REPOSITORY, 'conformance', 'vectors')

export const VECTOR_FILES = [
  'apis',
  'assignors',
  'batches',
  'checksums',
  'definitions',
  'errors',
  'frames',
  'messages',
] as const
export type VectorFile = (typeof VECTOR_FILES)[number]

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** One message body. `direction` is `blob` for what members of a group exchange. */
export interface MessageVector {
  readonly message: string
  readonly apiKey: number
  readonly direction: 'request' | 'response' | 'blob'
  readonly version: number
  readonly kind: string
  readonly body: string
  readonly json: JsonObject
}

/** One whole frame; `unsupported` is the answer to an ApiVersions request of an unknown version. */
export interface FrameVector {
  readonly message: string
  readonly apiKey: number
  readonly direction: 'request' | 'response' | 'unsupported'
  readonly version: number
  readonly correlationId: number
  readonly clientId?: string | null
  readonly frame: string
}

export interface ApiVector {
  readonly name: string
  readonly apiKey: number
  readonly lowestVersion: number
  readonly highestVersion: number
  /** Header versions, from the lowest version on. */
  readonly requestHeaders: readonly number[]
  readonly responseHeaders: readonly number[]
}

export interface RecordVector {
  readonly offset: string
  readonly timestamp: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** What Kafka reads in a batch; the producer's fields are absent in old message formats. */
export interface BatchDescription {
  readonly magic: number
  readonly baseOffset: string
  readonly lastOffset: string
  readonly compressionType: string
  readonly timestampType: string
  readonly maxTimestamp: string
  readonly leaderEpoch?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  readonly producerId?: string
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly deleteHorizon?: string
  readonly records: readonly RecordVector[]
}

export interface BatchVector {
  readonly name: string
  readonly codec: string
  readonly bytes: string
  readonly batches: readonly BatchDescription[]
}

export interface HashVector {
  readonly kind: 'hash'
  readonly bytes: string
  readonly murmur2: number
  readonly crc32c: string
  readonly crc32: string
  readonly xxhash32: string
  readonly partitions: Readonly<Record<string, number>>
}

export interface VarintVector {
  readonly kind: 'varint'
  readonly value: string
  readonly varlong: string
  readonly varint?: string
  readonly unsignedVarint?: string
}

export interface ErrorVector {
  readonly errorCode: number
  readonly code: string
  readonly retriable: boolean
  /** The exception's class and what it extends. */
  readonly classes: readonly string[]
}

/** A group, and what an assignor of Kafka's gave its members. Partitions are `a0 a1 b0`. */
export interface AssignorVector {
  readonly assignor: string
  readonly story: number
  readonly round: number
  /** Whether all members want the same topics. */
  readonly isEqual: boolean
  /** By topic the racks of each partition, a digit each. */
  readonly topics: Readonly<Record<string, readonly string[]>>
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    /** A letter each. */
    readonly topics: string
    readonly owned: string
    readonly generationId: number
    readonly userData: string | null
    readonly rackId: string | null
  }[]
  readonly assignment: Readonly<Record<string, string>>
}

interface Lines {
  readonly apis: ApiVector
  readonly assignors: AssignorVector
  readonly batches: BatchVector
  readonly checksums: HashVector | VarintVector
  readonly definitions: JsonObject
  readonly errors: ErrorVector
  readonly frames: FrameVector
  readonly messages: MessageVector
}

/** The committed lines of a file, as text. */
export function vectorLines(file: VectorFile): readonly string[] {
  const text = gunzipSync(readFileSync(join(VECTORS, `${file}.jsonl.gz`))).toString('utf8')
  return text.trimEnd().split('\n')
}

export function readVectors<F extends VectorFile>(file: F): readonly Lines[F][] {
  return vectorLines(file).map((line) => JSON.parse(line) as Lines[F])
}

/** Replaces a committed file by what the oracle has just written. */
export function commitVectors(file: VectorFile, text: string): number {
  const packed = gzipSync(text, { level: 9 })
  writeFileSync(join(VECTORS, `${file}.jsonl.gz`), packed)
  return packed.length
}
