/**
 * CRC-32C, the checksum of record batches. Two ways to the same number: the native one of
 * @node-rs/crc32 (13 GB/s, but every call costs what 250 bytes cost here) and a portable one that
 * takes eight bytes a step (slicing-by-8). Where no prebuilt binary exists the portable one does
 * all.
 */
import { nativeCrc32c } from './native-crc32c.ts'

const POLYNOMIAL = 0x82f63b78
/** Below this a call into native code costs more than it saves. */
const NATIVE_FROM_BYTES = 512

const TABLES: readonly Int32Array[] = makeTables(POLYNOMIAL)

/** Tables for slicing-by-8 of a reflected polynomial. */
export function makeTables(polynomial: number): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256))
  const first = tables[0]!
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    first[byte] = value
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 8; table++) {
      const previous = tables[table - 1]![byte]!
      tables[table]![byte] = (previous >>> 8) ^ first[previous & 0xff]!
    }
  }
  return tables
}

export function crcOf(
  tables: readonly Int32Array[],
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  let crc = -1
  let at = start
  for (; at + 8 <= end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}

/** The checksum of `bytes[start, end)`. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start >= NATIVE_FROM_BYTES) {
    const native = nativeCrc32c()
    if (native !== undefined) return native(bytes.subarray(start, end))
  }
  return crcOf(TABLES, bytes, start, end)
}
