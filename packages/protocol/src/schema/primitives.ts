/** Codecs of the primitive types, with and without compact lengths, with and without null. */
import { ProtocolError } from '../errors/protocol-error.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import type { Primitive } from './field.ts'

export interface PrimitiveCodec {
  readonly read: (reader: Reader) => unknown
  readonly write: (writer: Writer, value: unknown) => void
  readonly minBytes: number
}

/** How a length is written; -1 stands for null. */
export interface LengthStyle {
  readonly read: (reader: Reader) => number
  readonly write: (writer: Writer, length: number) => void
  readonly minBytes: number
}

const COMPACT: LengthStyle = {
  read: (reader) => reader.unsignedVarint() - 1,
  write: (writer, length) => writer.unsignedVarint(length + 1),
  minBytes: 1,
}

const INT16: LengthStyle = {
  read: (reader) => reader.int16(),
  write: (writer, length) => writer.int16(length),
  minBytes: 2,
}

const INT32: LengthStyle = {
  read: (reader) => reader.int32(),
  write: (writer, length) => writer.int32(length),
  minBytes: 4,
}

export function lengthStyle(flexible: boolean, classic: 'int16' | 'int32'): LengthStyle {
  if (flexible) return COMPACT
  return classic === 'int16' ? INT16 : INT32
}

export function primitiveCodec(
  type: Primitive,
  flexible: boolean,
  isNullable: boolean,
): PrimitiveCodec {
  switch (type) {
    case 'string':
      return sized(lengthStyle(flexible, 'int16'), isNullable, STRING)
    case 'bytes':
      return sized(lengthStyle(flexible, 'int32'), isNullable, BYTES)
    case 'records':
      return sized(lengthStyle(flexible, 'int32'), isNullable, RECORDS)
    default:
      return FIXED[type]
  }
}

interface Sized {
  readonly size: (value: never) => number
  readonly read: (reader: Reader, length: number) => unknown
  readonly write: (writer: Writer, value: never, size: number) => void
}

/** Kafka holds on to this limit where lengths are compact, too. */
const MAX_STRING_BYTES = 0x7fff

const STRING: Sized = {
  size: (value: string) => {
    const size = Buffer.byteLength(value, 'utf8')
    if (size > MAX_STRING_BYTES) throw new ProtocolError(`A string of ${size} bytes is too long`)
    return size
  },
  read: (reader, length) => {
    if (length > MAX_STRING_BYTES) reader.fail(`A string claims ${length} bytes`)
    return reader.string(length)
  },
  write: (writer, value: string, size) => writer.string(value, size),
}

const BYTES: Sized = {
  size: (value: Uint8Array) => value.length,
  read: (reader, length) => reader.bytes(length),
  write: (writer, value: Uint8Array) => writer.bytes(value),
}

/** Batches that lie apart, as those of a broker's log do, leave without being copied together. */
type Chunks = Uint8Array | readonly Uint8Array[]

const RECORDS: Sized = {
  size: (value: Chunks) => {
    if (value instanceof Uint8Array) return value.length
    let size = 0
    for (const chunk of value) size += chunk.length
    return size
  },
  read: (reader, length) => reader.bytes(length),
  write: (writer, value: Chunks) => {
    if (value instanceof Uint8Array) writer.bytes(value)
    else for (const chunk of value) writer.bytes(chunk)
  },
}

function sized(length: LengthStyle, isNullable: boolean, type: Sized): PrimitiveCodec {
  return {
    minBytes: length.minBytes,
    read: (reader) => {
      const size = length.read(reader)
      if (size >= 0) return type.read(reader, size)
      if (!isNullable) reader.fail('A field that may not be null is null')
      return null
    },
    write: (writer, value) => {
      if (value === null) {
        if (!isNullable) throw new ProtocolError('null is not allowed here in this version')
        length.write(writer, -1)
        return
      }
      const size = type.size(value as never)
      length.write(writer, size)
      type.write(writer, value as never, size)
    },
  }
}

type Fixed = Exclude<Primitive, 'string' | 'bytes' | 'records'>

const FIXED: Readonly<Record<Fixed, PrimitiveCodec>> = {
  boolean: {
    read: (reader) => reader.boolean(),
    write: (writer, value) => writer.boolean(value as boolean),
    minBytes: 1,
  },
  int8: integer('int8', 1),
  int16: integer('int16', 2),
  uint16: integer('uint16', 2),
  int32: integer('int32', 4),
  uint32: integer('uint32', 4),
  int64: {
    read: (reader) => reader.int64(),
    write: (writer, value) => writer.int64(typeof value === 'bigint' ? value : exact(value)),
    minBytes: 8,
  },
  safeInt64: safeInteger((reader) => reader.safeInt64()),
  timestamp: safeInteger((reader) => reader.timestamp()),
  float64: {
    read: (reader) => reader.float64(),
    write: (writer, value) => writer.float64(value as number),
    minBytes: 8,
  },
  uuid: {
    read: (reader) => reader.uuid(),
    write: (writer, value) => writer.uuid(value as string),
    minBytes: 16,
  },
}

function exact(value: unknown): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value as number)
  throw new ProtocolError(`${String(value)} is neither a bigint nor a safe integer`)
}

function integer(
  name: 'int8' | 'int16' | 'uint16' | 'int32' | 'uint32',
  bytes: number,
): PrimitiveCodec {
  const signed = name.startsWith('int')
  const max = 2 ** (bytes * 8 - (signed ? 1 : 0)) - 1
  const min = signed ? -max - 1 : 0
  return {
    read: (reader) => reader[name](),
    write: (writer, value) => {
      const number = value as number
      if (!(number >= min && number <= max)) {
        throw new ProtocolError(`${String(number)} does not fit into an ${name}`)
      }
      writer[name](number)
    },
    minBytes: bytes,
  }
}

function safeInteger(read: (reader: Reader) => number): PrimitiveCodec {
  return {
    read,
    write: (writer, value) => {
      const number = typeof value === 'bigint' ? Number(value) : value
      if (!Number.isSafeInteger(number)) {
        throw new ProtocolError(`${String(value)} is not a safe integer`)
      }
      writer.safeInt64(number as number)
    },
    minBytes: 8,
  }
}
