/** Sizes of zig-zag varints, as records have them. (Lengths in messages are unsigned instead.) */
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
