import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { xxhash32 } from '../checksums/xxhash32.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { isAccepted, mutations, truncations } from '../wire/hostile-bytes.test-kit.ts'
import type { Codec } from './codec.ts'
import { gzip } from './gzip.ts'
import { loadLz4 } from './lz4.ts'
import { loadSnappy } from './snappy.ts'
import { loadPortableZstd, loadZstd } from './zstd.ts'

const codecs = new Map<string, Codec>()
before(async () => {
  codecs.set('gzip', gzip)
  codecs.set('snappy', await loadSnappy())
  codecs.set('lz4', await loadLz4())
  codecs.set('zstd', await loadZstd())
  codecs.set('portable zstd', await loadPortableZstd())
})

const LIMIT = 1_000_000
const text = Buffer.from('{"order":17,"state":"shipped","to":"Praha"}\n'.repeat(40))

function isTooLarge(error: unknown): boolean {
  return error instanceof ProtocolError && error.code === 'TOO_LARGE'
}

test('content comes out as it went in, from nothing to several blocks', () => {
  for (const [name, codec] of codecs) {
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('x'),
      text,
      Buffer.alloc(300_000, 'ab'),
      Buffer.from(fc.sample(fc.uint8Array({ minLength: 70_000, maxLength: 70_000 }), 1)[0]!),
    ]) {
      const packed = codec.encode(content)
      assert.ok(codec.decode(packed, content.length).equals(content), name)
    }
  }
})

test('a codec stops at its limit, to the byte', () => {
  for (const [name, codec] of codecs) {
    for (const content of [text, Buffer.alloc(200_000)]) {
      const packed = codec.encode(content)
      assert.equal(codec.decode(packed, content.length).length, content.length, name)
      assert.throws(() => codec.decode(packed, content.length - 1), isTooLarge, name)
    }
    const bomb = codec.encode(Buffer.alloc(20_000_000))
    assert.throws(() => codec.decode(bomb, LIMIT), isTooLarge, name)
  }
})

test('compressed bytes that are cut off are refused', () => {
  for (const [name, codec] of codecs) {
    const packed = codec.encode(text)
    for (const part of truncations(packed)) {
      // Nothing but a frame's beginning is a frame of nothing, in some codecs.
      const isAcceptable = isAccepted(() => {
        assert.ok(codec.decode(part, LIMIT).length < text.length)
      })
      if (isAcceptable) assert.ok(part.length <= 16, `${name}: ${part.length} bytes`)
    }
  }
})

test('compressed bytes with a wrong one anywhere are content or refused', () => {
  for (const codec of codecs.values()) {
    const packed = codec.encode(text.subarray(0, 200))
    for (const hostile of mutations(packed)) {
      isAccepted(() => assert.ok(codec.decode(hostile, LIMIT).length <= LIMIT))
    }
  }
})

test('bytes of chance are content or refused, also behind a valid beginning', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(30), (noise, kept) => {
      for (const codec of codecs.values()) {
        const start = codec.encode(text).subarray(0, kept)
        for (const bytes of [Buffer.from(noise), Buffer.concat([start, noise])]) {
          isAccepted(() => assert.ok(codec.decode(bytes, LIMIT).length <= LIMIT))
        }
      }
    }),
    { numRuns: 400 },
  )
})

test('a snappy block with a length above 2^31 is refused, where others read in circles', () => {
  const block = Buffer.from([10, 0, 0x61, 63 << 2, 0xf8, 0xff, 0xff, 0xff, 1, 2, 3])
  assert.throws(() => codecs.get('snappy')!.decode(block, LIMIT), ProtocolError)
})

test('a snappy block that claims more than it can hold costs no memory', () => {
  const block = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0, 0x61])
  assert.throws(() => codecs.get('snappy')!.decode(block, 2 ** 31), /cannot hold/)
})

/** An LZ4 frame of blocks that depend on each other, as some clients write them. */
function linkedFrame(blocks: readonly Buffer[], descriptor = 0x40): Buffer {
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, descriptor, 0])
  header[6] = (xxhash32(header, 4, 6) >>> 8) & 0xff
  const parts = blocks.flatMap((block) => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    return [size, block]
  })
  return Buffer.concat([header, ...parts, Buffer.alloc(4)])
}

test('linked LZ4 blocks see what came before them', () => {
  const literals = Buffer.from([0xc0, ...Buffer.from('hello, world')])
  // No literal, a match of 8 bytes 12 back; then the five literals that must end a block.
  const match = Buffer.from([0x04, 12, 0, 0x50, ...Buffer.from('12345')])
  const content = codecs.get('lz4')!.decode(linkedFrame([literals, match, match]), LIMIT)
  assert.equal(content.toString(), 'hello, worldhello, w12345ello, w112345')
})

test('ten thousand tiny LZ4 blocks with a large block size cost neither memory nor time', () => {
  const block = Buffer.from([0x50, ...Buffer.from('12345')])
  const frame = linkedFrame(
    Array.from({ length: 10_000 }, () => block),
    0x70,
  )
  const started = process.hrtime.bigint()
  assert.equal(codecs.get('lz4')!.decode(frame, LIMIT).length, 50_000)
  const elapsedMs = Number((process.hrtime.bigint() - started) / 1_000_000n)
  assert.ok(elapsedMs < 2000, `${elapsedMs} ms`)
})

test('bytes that zstd cannot decompress are reported as such, by either library', () => {
  for (const name of ['zstd', 'portable zstd']) {
    const codec = codecs.get(name) as Codec
    const packed = Buffer.from(codec.encode(Buffer.from('a record batch '.repeat(50))))
    // The last byte of a block of sequences: the frame is whole, and makes no sense.
    packed[packed.length - 1] = (packed[packed.length - 1] as number) ^ 0xff
    packed[packed.length >> 1] = (packed[packed.length >> 1] as number) ^ 0xff
    assert.throws(
      () => codec.decode(packed, 10_000),
      (error: Error) => {
        assert.ok(error instanceof ProtocolError, name)
        assert.doesNotMatch(error.message, /Failed to compress/, name)
        return true
      },
    )
  }
})

test('zstd frames may follow each other, and say nothing of their size', () => {
  for (const name of ['zstd', 'portable zstd']) {
    const codec = codecs.get(name)!
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const two = Buffer.concat([codec.encode(text), skippable, codec.encode(text)])
    assert.ok(codec.decode(two, LIMIT).equals(Buffer.concat([text, text])), name)
    // A raw block of 3 bytes in a frame without a content size.
    const raw = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 0x19, 0, 0, 1, 2, 3])
    assert.ok(codec.decode(raw, LIMIT).equals(Buffer.from([1, 2, 3])), name)
  }
})

test('a zstd frame that claims a huge window or content is refused or costs nothing', () => {
  for (const name of ['zstd', 'portable zstd']) {
    const codec = codecs.get(name)!
    const hugeWindow = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 0x19, 0, 0, 1, 2, 3])
    isAccepted(() => codec.decode(hugeWindow, LIMIT))
    const hugeContent = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0]),
      Buffer.alloc(8, 0x3f),
      Buffer.from([1, 0, 0]),
    ])
    assert.equal(
      isAccepted(() => codec.decode(hugeContent, LIMIT)),
      false,
      name,
    )
    const lie = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x20, 1, 0, 0])
    assert.equal(
      isAccepted(() => codec.decode(lie, 2 ** 30)),
      false,
      name,
    )
  }
})
