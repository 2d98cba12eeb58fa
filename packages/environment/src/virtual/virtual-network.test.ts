import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkError } from '../environment.ts'
import { dial, type Peer, type Server, serve } from '../peers.test-kit.ts'
import type { LinkRule } from './links.ts'
import { VirtualWorld } from './virtual-world.ts'

interface Stage {
  readonly world: VirtualWorld
  readonly server: Server
  readonly peer: Peer
  /** What the client has heard, as one string. */
  readonly heard: () => string
  readonly say: (text: string) => void
}

/** A client connected to an echo server, and a play with them. */
async function play(link: LinkRule, body: (stage: Stage) => Promise<void>): Promise<VirtualWorld> {
  const world = new VirtualWorld({ seed: 5, link })
  await world.run(async () => {
    const server = await serve(world.process('server').environment, 'server', 1)
    const peer = await dial(world.process('client').environment, { host: 'server', port: 1 })
    await body({
      world,
      server,
      peer,
      heard: () => peer.received.join(''),
      say: (text) => void peer.connection.write([Buffer.from(text)]),
    })
  })
  return world
}

/** The director looks once a millisecond, before what happens in that millisecond. */
function assertJust(actual: number, expected: number): void {
  assert.equal(actual, expected + 1)
}

const SILENCE = Symbol('silence')
const within = (world: VirtualWorld, ms: number, closed: Promise<NetworkError | undefined>) =>
  Promise.race([closed, world.sleep(ms).then(() => SILENCE)])

test('latency is drawn from the range, each way, and never reorders', async () => {
  await play({ latencyMs: [10, 50] }, async ({ world, peer, say, heard }) => {
    for (let round = 0; round < 20; round++) {
      const before = world.now
      peer.received.length = 0
      for (const letter of 'abcdef') say(letter)
      while (heard().length < 6) await world.sleep(1)
      const took = world.now - before
      assert.ok(took >= 20 && took <= 101, `${took} ms`)
      assert.equal(heard(), 'abcdef')
    }
  })
})

test('bandwidth is shared by the connections of a link', async () => {
  await play({ latencyMs: [0, 0], bytesPerMs: 100 }, async ({ world, peer, server }) => {
    const other = await dial(world.process('client').environment, { host: 'server', port: 1 })
    const before = world.now
    for (const { connection } of [peer, other]) connection.write([Buffer.alloc(50_000)])
    const total = () => server.accepted.flatMap((one) => one.received).join('').length
    while (total() < 100_000) await world.sleep(1)
    assertJust(world.now - before, 1000)
  })
})

test('many small writes cost their bytes, not a millisecond each', async () => {
  await play({ latencyMs: [0, 0], bytesPerMs: 100 }, async ({ world, say, server }) => {
    const before = world.now
    for (let index = 0; index < 1000; index++) say('x')
    while (server.accepted[0]?.received.join('').length !== 1000) await world.sleep(1)
    assertJust(world.now - before, 10)
  })
})

test('a link is directed: each way has its own rule, the more precise one wins', async () => {
  await play({ latencyMs: [1, 1] }, async ({ world, say, heard, server }) => {
    world.network.link('client', 'server', { latencyMs: [100, 100] })
    world.network.link('*', 'client', { latencyMs: [7, 7] })
    const before = world.now
    say('x')
    while (server.accepted[0]?.received.length !== 1) await world.sleep(1)
    assertJust(world.now - before, 100)
    while (heard() === '') await world.sleep(1)
    assertJust(world.now - before, 107)
    world.network.link('client', 'server')
    say('y')
    await world.sleep(9)
    assert.equal(heard(), 'xy')
  })
})

test('a partition holds bytes back; healing delivers them and restores the rule', async () => {
  await play({ latencyMs: [1, 1] }, async ({ world, say, heard }) => {
    world.network.link('client', 'server', { latencyMs: [40, 40] })
    world.network.partition('client', 'server')
    say('x')
    await world.sleep(10_000)
    assert.equal(heard(), '')
    world.network.heal('client', 'server')
    await world.sleep(39)
    assert.equal(heard(), '')
    await world.sleep(3)
    assert.equal(heard(), 'x')
    say('y')
    await world.sleep(40)
    assert.equal(heard(), 'x')
    await world.sleep(2)
    assert.equal(heard(), 'xy')
  })
})

test('a one-way partition does not block the other direction', async () => {
  await play({ latencyMs: [1, 1] }, async ({ world, say, heard, server }) => {
    world.network.partition('server', 'client', { oneWay: true })
    say('x')
    await world.sleep(100)
    assert.deepEqual(server.accepted[0]?.received, ['x'])
    assert.equal(heard(), '')
    world.network.heal()
    await world.sleep(2)
    assert.equal(heard(), 'x')
  })
})

test('a partition from all processes does not cut a machine off from itself', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const { environment } = world.process('server')
    await serve(environment, 'server', 1)
    world.network.partition('*', 'server')
    const peer = await dial(environment, { host: 'server', port: 1 })
    const cutOff = dial(world.process('client').environment, {
      host: 'server',
      port: 1,
      timeoutMs: 700,
    })
    await assert.rejects(cutOff, { code: 'ETIMEDOUT', stage: 'tcp' })
    peer.connection.write([Buffer.from('x')])
    await world.sleep(1)
    assert.deepEqual(peer.received, ['x'])
  })
})

test('connecting through a partition succeeds once it heals, or is given up by the kernel', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    await serve(world.process('server').environment, 'server', 1)
    const { environment } = world.process('client')
    world.network.partition('client', 'server')
    const patient = dial(environment, { host: 'server', port: 1, timeoutMs: 60_000 })
    await world.sleep(10_000)
    world.network.heal('client', 'server')
    await patient
    world.network.partition('client', 'server')
    const before = world.now
    await assert.rejects(dial(environment, { host: 'server', port: 1 }), { code: 'ETIMEDOUT' })
    assert.ok(world.now - before >= 127_000)
  })
})

test('a reset is reported at both ends', async () => {
  await play({}, async ({ world, peer, server }) => {
    world.network.reset('server', 'client')
    assert.equal((await peer.closed)?.code, 'ECONNRESET')
    assert.equal((await server.accepted[0]?.closed)?.stage, 'established')
    const again = await dial(world.process('client').environment, { host: 'server', port: 1 })
    again.connection.destroy()
  })
})

test('half-open: one end gets a reset, the other is never notified', async () => {
  await play({}, async ({ world, peer, server, say, heard }) => {
    world.network.halfOpen('client', 'server')
    assert.equal((await server.accepted[0]?.closed)?.code, 'ECONNRESET')
    say('anybody there?')
    assert.equal(await within(world, 3_600_000, peer.closed), SILENCE)
    assert.equal(heard(), '')
    assert.ok(peer.connection.bufferedBytes > 0, 'unacknowledged bytes stay in the buffer')
    // What fills the window is never drained.
    assert.equal(peer.connection.write([Buffer.alloc(2_000_000)]), false)
    peer.connection.destroy()
    assert.equal(await peer.closed, undefined)
  })
})

test('swallowed connections look alive at both ends; new ones are', async () => {
  await play({}, async ({ world, peer, server, say }) => {
    world.network.swallow('client', 'server')
    say('x')
    const [accepted] = server.accepted as [Peer]
    accepted.connection.write([Buffer.from('y')])
    assert.equal(await within(world, 60_000, peer.closed), SILENCE)
    assert.equal(await within(world, 60_000, accepted.closed), SILENCE)
    assert.deepEqual([peer.received, accepted.received], [[], []])
    const fresh = await dial(world.process('client').environment, { host: 'server', port: 1 })
    fresh.connection.write([Buffer.from('z')])
    await world.sleep(10)
    assert.deepEqual(fresh.received, ['z'])
  })
})

test('a machine without power is silent; when it starts again it disowns old connections', async () => {
  await play({}, async ({ world, peer, say }) => {
    const client = world.process('client').environment
    world.process('server').kill({ silently: true })
    say('anybody there?')
    assert.equal(await within(world, 60_000, peer.closed), SILENCE)
    const lost = dial(client, { host: 'server', port: 1, timeoutMs: 5000 })
    await assert.rejects(lost, { code: 'ETIMEDOUT' })
    assert.deepEqual(await client.network.resolve('server'), ['server'])
    const reborn = world.process('server')
    await assert.rejects(dial(client, { host: 'server', port: 1 }), { code: 'ECONNREFUSED' })
    await serve(reborn.environment, 'server', 1)
    assert.equal((await peer.closed)?.code, 'ECONNRESET')
    await dial(client, { host: 'server', port: 1 })
  })
})

test('what arrives is cut at every byte, or comes as one read when it arrived together', async () => {
  await play({ maxChunkBytes: 1 }, async ({ world, peer, say }) => {
    say('abc')
    await world.sleep(10)
    assert.deepEqual(peer.received, ['a', 'b', 'c'])
  })
  await play({ latencyMs: [1, 1] }, async ({ world, say, server }) => {
    say('one frame ')
    say('and the next')
    await world.sleep(10)
    assert.deepEqual(server.accepted[0]?.received, ['one frame and the next'])
  })
})

test('promise reactions run between two reads, and a pause holds the second back', async () => {
  const world = new VirtualWorld({ seed: 1, link: { maxChunkBytes: 1 } })
  await world.run(async () => {
    const order: string[] = []
    await world
      .process('server')
      .environment.network.listen({ host: 'server', port: 1 }, (connection) => ({
        onData: () => {
          order.push('read')
          connection.pause()
          void Promise.resolve().then(() => order.push('reaction'))
        },
        onClose: () => undefined,
      }))
    const peer = await dial(world.process('client').environment, { host: 'server', port: 1 })
    peer.connection.write([Buffer.from('abc')])
    await world.sleep(10)
    assert.deepEqual(order, ['read', 'reaction'])
  })
})

test('a buffer that is changed before its delivery is noticed', async () => {
  await assert.rejects(
    play({}, async ({ world, peer }) => {
      const bytes = Buffer.from('precious')
      peer.connection.write([Buffer.from('x'), bytes])
      assert.equal(peer.connection.bufferedBytes, 9)
      bytes.fill(0)
      await world.sleep(10)
    }),
    /changed after it was written/,
  )
})

test('a delivered buffer is rubbish after the call', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const kept: Uint8Array[] = []
    await world.process('server').environment.network.listen({ host: 'server', port: 1 }, () => ({
      onData: (buffer) => void kept.push(buffer),
      onClose: () => undefined,
    }))
    const peer = await dial(world.process('client').environment, { host: 'server', port: 1 })
    peer.connection.write([Buffer.from('kept')])
    await world.sleep(10)
    assert.notEqual(Buffer.from(kept[0] ?? []).toString(), 'kept')
  })
})

test('TLS needs both ends to use it, and the server to run', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const server = world.process('server')
    const { environment } = world.process('client')
    const tls = { cert: '', key: '' }
    let accepts = 0
    await server.environment.network.listen({ host: 'server', port: 1, tls }, () => {
      accepts++
      return { onData: () => undefined, onClose: () => undefined }
    })
    await serve(server.environment, 'server', 2)
    const toPlain = dial(environment, { host: 'server', port: 2, tls: {} })
    await assert.rejects(toPlain, { code: 'ECONNRESET', stage: 'tls' })
    const plain = await dial(environment, { host: 'server', port: 1 })
    plain.connection.write([Buffer.from('hello')])
    await plain.closed
    assert.equal(plain.received.join('').charCodeAt(0), 0x15, 'a TLS alert')
    assert.equal(accepts, 0)
    await dial(environment, { host: 'server', port: 1, tls: {} })
    assert.equal(accepts, 1)
    server.pause()
    const asleep = dial(environment, { host: 'server', port: 1, tls: {}, timeoutMs: 1000 })
    await assert.rejects(asleep, { code: 'ETIMEDOUT', stage: 'tls' })
  })
})

test('names resolve to the configured addresses, to themselves, or to an error', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const { network } = world.process('client').environment
    world.network.name('brokers', ['10.0.0.1', '10.0.0.2'])
    world.network.name('broken', Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }))
    assert.deepEqual(await network.resolve('brokers'), ['10.0.0.1', '10.0.0.2'])
    await assert.rejects(network.resolve('broken'), { code: 'EAI_AGAIN' })
    await assert.rejects(network.resolve('nowhere'), { code: 'ENOTFOUND', stage: 'dns' })
  })
})
