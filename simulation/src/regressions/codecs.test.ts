/** What happens where the package of a codec is missing (rule S45). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replaceCodecLoader } from '@odradek/protocol'
import { CodecUnavailableError } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

const TOPICS = { broker: { topics: { plain: 1, packed: 1 } } }

/** Plays a scenario in which lz4 can be loaded until `forget` is called. */
async function playWithoutLz4(
  scenario: (small: SmallWorld, forget: () => void) => Promise<void>,
): Promise<void> {
  let restore: (() => void) | undefined
  try {
    await SmallWorld.play(
      (small) =>
        scenario(small, () => {
          restore = replaceCodecLoader('lz4', () => Promise.reject(new Error('Cannot find it')))
        }),
      TOPICS,
    )
  } finally {
    restore?.()
  }
}

function namesLz4(error: unknown): boolean {
  assert.ok(error instanceof CodecUnavailableError)
  assert.equal(error.code, 'CODEC_UNAVAILABLE')
  assert.match(error.message, /lz4 codec .* "lz4-napi" .* npm install lz4-napi/)
  return true
}

/** A plain record, a plain batch before a packed one, and a plain record behind. */
async function write(small: SmallWorld): Promise<void> {
  const kafka = small.kafka('writer')
  const plain = kafka.producer({ lingerMs: 0 })
  const packed = kafka.producer({ lingerMs: 0, compressionType: 'lz4' })
  await plain.send('packed', { value: 'before' })
  await packed.send('packed', { value: 'x'.repeat(1000) })
  for (const value of ['1', '2', '3']) await plain.send('plain', { value })
  await kafka.close()
}

test('S45: a consumer without the codec of one partition reads the others, and what comes before', () =>
  playWithoutLz4(async (small, forget) => {
    await write(small)
    forget()
    const consumer = small.consumer('reader', { topics: ['plain', 'packed'] })
    const values: string[] = []
    let failure: unknown
    const read = async (): Promise<void> => {
      for await (const { value } of consumer) {
        values.push(String(value))
        if (values.length >= 5) break
      }
    }
    await read().catch((error: unknown) => (failure = error))
    namesLz4(failure)
    // The consumer lives on: the same object reads what comes in the other partition.
    const producer = small.producer()
    await producer.send('plain', { value: '4' })
    await read()
    assert.deepEqual(values.sort(), ['1', '2', '3', '4', 'before'])
    await consumer.close()
  }))

test('S45: a share consumer without the codec of one partition reads the others', () =>
  playWithoutLz4(async (small, forget) => {
    await write(small)
    forget()
    small.cluster.configureGroup('jobs', { 'share.auto.offset.reset': 'earliest' })
    const consumer = small
      .kafka('reader')
      .shareConsumer({ groupId: 'jobs', topics: ['plain', 'packed'] })
    const values = new Set<string>()
    const errors: unknown[] = []
    while (values.size < 4 || errors.length === 0) {
      try {
        for await (const { value } of consumer) {
          values.add(String(value))
          if (values.size === 4 && errors.length > 0) break
        }
      } catch (error) {
        errors.push(error)
      }
    }
    assert.equal(errors.length, 1)
    namesLz4(errors[0])
    assert.deepEqual([...values].sort(), ['1', '2', '3', 'before'])
    const { records } = small.cluster.sharePartition('jobs', 'packed', 0) ?? {}
    // Released once, and not taken again until it would be given up.
    assert.ok((records ?? []).every(({ deliveryCount }) => deliveryCount <= 1))
    await consumer.close()
  }))

test('S45: a producer without its codec rejects each send, and others work', () =>
  playWithoutLz4(async (small, forget) => {
    forget()
    const kafka = small.kafka('writer')
    const packed = kafka.producer({ compressionType: 'lz4', lingerMs: 0 })
    await assert.rejects(packed.send('packed', { value: 'x' }), namesLz4)
    await assert.rejects(packed.send('packed', { value: 'x' }), namesLz4)
    await kafka.producer().send('plain', { value: 'x' })
    await kafka.close()
  }))
