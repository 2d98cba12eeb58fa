/** CRC-32 (IEEE), the checksum of the old message formats. */
import { crcOf, makeTables } from './crc32c.ts'

const TABLES = makeTables(0xedb88320)

export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return crcOf(TABLES, bytes, start, end)
}
