import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../errors/protocol-error.ts'
import { FrameReader } from './frame-reader.ts'

function framed(...frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.length)
      return [size, frame]
    }),
  )
}

function read(pieces: readonly Uint8Array[], maxFrameBytes = 1_000_000): readonly Buffer[] {
  const frames: Buffer[] = []
  const reader = new FrameReader(maxFrameBytes, (frame) => frames.push(frame))
  // As with a socket: one buffer, used again for every piece, longer than what is in it.
  const socketBuffer = Buffer.alloc(1 + Math.max(0, ...pieces.map((piece) => piece.length)))
  for (const piece of pieces) {
    socketBuffer.fill(0xee)
    socketBuffer.set(piece)
    reader.push(socketBuffer, piece.length)
  }
  return frames
}

test('frames are whole wherever the stream is cut in two', () => {
  const frames = [
    Buffer.from('first'),
    Buffer.alloc(0),
    Buffer.from('second one'),
    Buffer.from('x'),
  ]
  const stream = framed(...frames)
  for (let at = 0; at <= stream.length; at++) {
    assert.deepEqual(read([stream.subarray(0, at), stream.subarray(at)]), frames)
  }
})

test('frames are whole however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (frames, steps) => {
        const stream = framed(...frames)
        const pieces: Buffer[] = []
        for (let at = 0, index = 0; at < stream.length; index++) {
          const step = steps[index % steps.length] as number
          pieces.push(stream.subarray(at, at + step))
          at += step
        }
        assert.deepEqual(
          read(pieces).map((frame) => frame.toString('hex')),
          frames.map((frame) => Buffer.from(frame).toString('hex')),
        )
      },
    ),
  )
})

test('a frame that is larger than the first allocation comes out whole', () => {
  const large = Buffer.alloc(5_000_000)
  for (let at = 0; at < large.length; at += 4) large.writeInt32BE(at, at)
  const stream = framed(large)
  const pieces: Buffer[] = []
  for (let at = 0; at < stream.length; at += 65_536) pieces.push(stream.subarray(at, at + 65_536))
  const [frame] = read(pieces, large.length)
  assert.ok(frame !== undefined && frame.equals(large))
  assert.equal(frame.buffer.byteLength, large.length)
})

test('sizes that are negative or too large are refused', () => {
  for (const size of [-1, -2_147_483_648, 1_000_001, 2_147_483_647]) {
    const bytes = Buffer.alloc(8)
    bytes.writeInt32BE(size)
    assert.throws(
      () => read([bytes]),
      (error) => error instanceof ProtocolError && error.code === 'TOO_LARGE',
      String(size),
    )
  }
})

test('what is no Kafka at the other end is named', () => {
  assert.throws(() => read([Buffer.from([0x15, 3, 3, 0, 2, 2, 70])]), /TLS alert/)
  assert.throws(() => read([Buffer.from([0x16, 3, 1, 0, 9])]), /TLS handshake/)
  assert.throws(() => read([Buffer.from('HTTP/1.1 400 Bad Request')]), /HTTP/)
})

test('a size that lies costs a megabyte, not what it claims', () => {
  const readers: FrameReader[] = []
  const before = process.memoryUsage().arrayBuffers
  for (let index = 0; index < 8; index++) {
    const reader = new FrameReader(2 ** 31, () => undefined)
    reader.push(Buffer.from([0x7f, 0, 0, 0, 1]), 5)
    assert.equal(reader.pendingBytes, 5)
    readers.push(reader)
  }
  const growth = process.memoryUsage().arrayBuffers - before
  assert.ok(growth < 16 * 1024 * 1024, `${growth} bytes for ${readers.length} lies`)
})
