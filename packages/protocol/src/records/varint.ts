/**
 * Zig-zag varints, as records have them. (Lengths in messages are unsigned instead.) Reading is in
 * two halves, the value and where it ends, so that nothing has to be allocated to say both. Nearly
 * every number of a record has one or two bytes; these cases are small enough to be inlined. Bytes
 * beyond the buffer are no varint; that a number lies within its record is for the reader to check.
 */
import { ProtocolError } from '../errors/protocol-error.ts'

const MAX_VARINT_BYTES = 5
const MAX_VARLONG_BYTES = 10

/** The 32-bit number at this place. */
export function readVarint(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return (first >>> 1) ^ -(first & 1)
  const second = bytes[at + 1]!
  if (!(second < 0x80)) return readLongVarint(bytes, at)
  const raw = (first & 0x7f) | (second << 7)
  return (raw >>> 1) ^ -(raw & 1)
}

/** Where the 32-bit number at this place ends. */
export function varintEnd(bytes: Buffer, at: number): number {
  if (bytes[at]! < 0x80) return at + 1
  return bytes[at + 1]! < 0x80 ? at + 2 : longVarintEnd(bytes, at, MAX_VARINT_BYTES)
}

/** Where the 64-bit number at this place ends. */
export function varlongEnd(bytes: Buffer, at: number): number {
  if (bytes[at]! < 0x80) return at + 1
  return bytes[at + 1]! < 0x80 ? at + 2 : longVarintEnd(bytes, at, MAX_VARLONG_BYTES)
}

/** The 64-bit number at this place, exactly. */
export function readVarlong(bytes: Buffer, at: number): bigint {
  const end = varlongEnd(bytes, at)
  let raw = 0n
  for (let index = at, shift = 0n; index < end; index++, shift += 7n) {
    raw |= BigInt(bytes[index]! & 0x7f) << shift
  }
  const unsigned = BigInt.asUintN(64, raw)
  return (unsigned >> 1n) ^ -(unsigned & 1n)
}

function readLongVarint(bytes: Buffer, at: number): number {
  const end = longVarintEnd(bytes, at, MAX_VARINT_BYTES)
  let raw = 0
  for (let index = at, shift = 0; index < end; index++, shift += 7) {
    raw |= (bytes[index]! & 0x7f) << shift
  }
  return (raw >>> 1) ^ -(raw & 1)
}

function longVarintEnd(bytes: Buffer, at: number, maxBytes: number): number {
  const limit = Math.min(bytes.length, at + maxBytes)
  for (let index = at; index < limit; index++) if (bytes[index]! < 0x80) return index + 1
  throw new ProtocolError('A number of a record has no end', {
    offset: at,
    code: 'CORRUPT_MESSAGE',
  })
}

export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

/** Writes a 32-bit value and gives the position behind it. */
export function writeVarint(bytes: Buffer, position: number, value: number): number {
  let at = position
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag >= 0x80) {
    bytes[at++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  bytes[at++] = zigzag
  return at
}

const INT32_MAX = 0x7fff_ffff

export function varlongSize(value: number): number {
  if (value <= INT32_MAX && value >= -INT32_MAX) return varintSize(value)
  let zigzag = zigzag64(value)
  let size = 1
  while (zigzag >= 0x80n) {
    zigzag >>= 7n
    size++
  }
  return size
}

export function writeVarlong(bytes: Buffer, position: number, value: number): number {
  if (value <= INT32_MAX && value >= -INT32_MAX) return writeVarint(bytes, position, value)
  let at = position
  let zigzag = zigzag64(value)
  while (zigzag >= 0x80n) {
    bytes[at++] = Number(zigzag & 0x7fn) | 0x80
    zigzag >>= 7n
  }
  bytes[at++] = Number(zigzag)
  return at
}

function zigzag64(value: number): bigint {
  const wide = BigInt(value)
  return BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n))
}
