/**
 * Message formats 0 and 1, read-only: brokers before 4.0 may still serve what was written long
 * ago. A message (or a compressed wrapper with messages inside) is rewritten as one batch of
 * version 2, so that nothing behind this file knows that other formats ever were.
 */
import { crc32 } from '../checksums/crc32.ts'
import { COMPRESSION_TYPES, DEFAULT_MAX_DECOMPRESSED_BYTES } from '../compression/codec.ts'
import { codecOf } from '../compression/codecs.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { Reader } from '../wire/reader.ts'
import { placeBatch } from './broker-side.ts'
import { COMPRESSION_MASK, LOG_APPEND_TIME_FLAG } from './layout.ts'
import type { ReadOptions } from './read-options.ts'
import { RecordBatchBuilder } from './record-batch-builder.ts'

interface Message {
  readonly magic: number
  readonly attributes: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

const NO_TIMESTAMP = -1
const MAX_OFFSET_DELTA = 0x7fff_ffff

export function legacyToBatch(entry: Buffer, options: ReadOptions): Buffer {
  const outer = readMessage(new Reader(entry), options)
  const messages = (outer.attributes & COMPRESSION_MASK) === 0 ? [outer] : unwrap(outer, options)
  const first = messages[0]
  if (first === undefined) throw corrupt('A compressed message holds no messages')
  const builder = new RecordBatchBuilder(entry.length + 128)
  for (const message of messages) {
    const { timestamp, key, value, offset } = message
    const offsetDelta = offset - first.offset
    if (offsetDelta < 0 || offsetDelta > MAX_OFFSET_DELTA) {
      throw corrupt('The offsets of the messages in a compressed one are not in order')
    }
    builder.append(timestamp, key, value, [], offsetDelta)
  }
  const batch = builder.build()
  // Placed as a broker would place it.
  const isStamped = (outer.attributes & LOG_APPEND_TIME_FLAG) !== 0
  const logAppendTime = outer.magic > 0 && isStamped ? outer.timestamp : undefined
  placeBatch(batch, { baseOffset: first.offset, leaderEpoch: -1, logAppendTime })
  return batch
}

function unwrap(outer: Message, options: ReadOptions): readonly Message[] {
  const type = COMPRESSION_TYPES[outer.attributes & COMPRESSION_MASK]
  if (type === undefined || outer.value === null) throw corrupt('A compressed message is broken')
  const limit = options.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES
  const reader = new Reader(codecOf(type).decode(outer.value, limit))
  const inner: Message[] = []
  while (reader.remaining > 0) {
    const message = readMessage(reader, options)
    if ((message.attributes & COMPRESSION_MASK) !== 0) {
      throw corrupt('A compressed message holds another one')
    }
    inner.push(message)
  }
  // Format 1 counts inner offsets from 0 and gives the wrapper the last one's absolute offset.
  const last = inner.at(-1)
  const shift = outer.magic === 0 || last === undefined ? 0 : outer.offset - last.offset
  const stamp = (outer.attributes & LOG_APPEND_TIME_FLAG) === 0 ? undefined : outer.timestamp
  return inner.map((message) => ({
    ...message,
    offset: message.offset + shift,
    timestamp: stamp ?? message.timestamp,
  }))
}

function readMessage(reader: Reader, options: ReadOptions): Message {
  const offset = reader.safeInt64()
  const size = reader.int32()
  if (size < 0 || size > reader.remaining) throw corrupt(`A message claims ${size} bytes`)
  const end = reader.offset + size
  const crc = reader.uint32()
  const from = reader.offset
  if (options.checkCrcs !== false && crc32(reader.buffer, from, end) !== crc) {
    throw corrupt('The checksum of a message does not match its bytes')
  }
  const magic = reader.int8()
  if (magic !== 0 && magic !== 1) throw corrupt(`A message has version ${magic}`)
  const attributes = reader.int8()
  const timestamp = magic === 0 ? NO_TIMESTAMP : reader.timestamp()
  const key = readBytes(reader)
  const value = readBytes(reader)
  if (reader.offset !== end) throw corrupt('A message is not as long as it claims')
  return { magic, attributes, offset, timestamp, key, value }
}

function readBytes(reader: Reader): Buffer | null {
  const size = reader.int32()
  return size < 0 ? null : reader.bytes(size)
}

function corrupt(message: string): ProtocolError {
  return new ProtocolError(message, { code: 'CORRUPT_MESSAGE' })
}
