/**
 * Decompresses one snappy block. The one decoder that is not a library's: snappyjs, which
 * compresses here, believes lengths above 2^31 and can be made to read in circles forever. A block
 * is a varint with the length of its content, then literals and copies from what came before;
 * nothing can expand more than a three-byte copy of 64 bytes does, so a length that lies costs no
 * memory.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { tooLarge } from './codec.ts'

const MAX_EXPANSION = 22
/** Below this a loop is faster than a call that copies. */
const LOOP_BYTES = 24

export function decodeSnappyBlock(input: Buffer, maxBytes: number): Buffer {
  const end = input.length
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++]
    if (byte === undefined || shift > 28) throw corrupt('has no valid length')
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (length > (end - at) * MAX_EXPANSION) throw corrupt(`cannot hold ${length} bytes`)
  if (length > maxBytes) throw tooLarge('snappy', maxBytes)
  const output = Buffer.allocUnsafeSlow(length)
  let to = 0
  while (at < end) {
    const tag = input[at++]!
    if ((tag & 3) === 0) {
      let size = tag >>> 2
      if (size >= 60) {
        const sizeBytes = size - 59
        if (sizeBytes > end - at) throw corrupt('ends within a length')
        size = input.readUIntLE(at, sizeBytes)
        at += sizeBytes
      }
      size++
      if (size > end - at || size > length - to) throw corrupt('has a literal that is too long')
      if (size <= LOOP_BYTES) for (let index = 0; index < size; index++) output[to++] = input[at++]!
      else {
        input.copy(output, to, at, at + size)
        at += size
        to += size
      }
      continue
    }
    let size = (tag >>> 2) + 1
    let distance: number
    const distanceBytes = [0, 1, 2, 4][tag & 3]!
    if (distanceBytes > end - at) throw corrupt('ends within a copy')
    if (distanceBytes === 1) {
      size = ((tag >>> 2) & 7) + 4
      distance = ((tag >>> 5) << 8) | input[at]!
    } else if (distanceBytes === 2) distance = input[at]! | (input[at + 1]! << 8)
    else distance = input.readUInt32LE(at)
    at += distanceBytes
    if (distance === 0 || distance > to || size > length - to) {
      throw corrupt('copies what is not there')
    }
    // A copy may overlap what it writes: that is how runs are said. Byte by byte, then.
    for (const until = to + size; to < until; to++) output[to] = output[to - distance]!
  }
  if (to !== length) throw corrupt(`says ${length} bytes and holds ${to}`)
  return output
}

function corrupt(what: string): ProtocolError {
  return new ProtocolError(`A snappy block ${what}`, { code: 'CORRUPT_MESSAGE' })
}
