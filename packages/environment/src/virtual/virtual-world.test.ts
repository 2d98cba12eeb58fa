import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, Environment, NetworkError } from '../environment.ts'
import { VirtualWorld } from './virtual-world.ts'

interface Peer {
  readonly connection: Connection
  readonly received: string[]
  readonly closed: Promise<NetworkError | undefined>
}

/** An echo server that remembers its connections. */
async function echo(environment: Environment, host: string, port: number): Promise<Connection[]> {
  const accepted: Connection[] = []
  await environment.network.listen({ host, port }, (connection) => {
    accepted.push(connection)
    return {
      onData: (buffer, length) => void connection.write([Buffer.from(buffer.subarray(0, length))]),
      onClose: () => undefined,
    }
  })
  return accepted
}

function dial(
  environment: Environment,
  host: string,
  port: number,
  timeoutMs = 1000,
): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const received: string[] = []
    let settle: (error?: NetworkError) => void = () => undefined
    const closed = new Promise<NetworkError | undefined>((done) => {
      settle = done
    })
    let isOpen = false
    const connection = environment.network.connect(
      { host, port, timeoutMs },
      {
        onConnect: () => {
          isOpen = true
          resolve({ connection, received, closed })
        },
        onData: (buffer, length) =>
          void received.push(Buffer.from(buffer.subarray(0, length)).toString()),
        onClose: (error) => {
          if (isOpen) settle(error)
          else reject(error ?? new Error('closed'))
        },
      },
    )
  })
}

test('timers fire in order of time, then of their setting, and an hour passes in a moment', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const { timers, clock } = world.process('a').environment
  const fired: string[] = []
  timers.set(20, () => fired.push('late'))
  timers.set(10, () => fired.push('first'))
  timers.set(10, () => fired.push('second'))
  timers.clear(timers.set(5, () => fired.push('never')))
  const started = clock.monotonic()
  await world.run(new Promise<void>((resolve) => void timers.set(3_600_000, resolve)))
  assert.deepEqual(fired, ['first', 'second', 'late'])
  assert.equal(clock.monotonic() - started, 3_600_000)
})

test('all promise reactions run between two events', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const { timers } = world.process('a').environment
  const order: string[] = []
  timers.set(1, () => {
    void (async () => {
      for (let index = 0; index < 50; index++) await Promise.resolve()
      order.push('reactions of the first')
    })()
  })
  timers.set(1, () => order.push('second'))
  await world.advance(1)
  assert.deepEqual(order, ['reactions of the first', 'second'])
})

test('the same seed gives the same trace, another seed another one', async () => {
  const play = async (seed: number): Promise<number> => {
    const world = new VirtualWorld({ seed, link: { latencyMs: [1, 9], maxChunkBytes: 3 } })
    await world.run(async () => {
      await echo(world.process('server').environment, 'server', 1)
      const peers = await Promise.all(
        [1, 2, 3].map((n) => dial(world.process(`client-${n}`).environment, 'server', 1)),
      )
      for (const peer of peers) peer.connection.write([Buffer.from('hello there')])
      await world.sleep(100)
      assert.deepEqual(
        peers.map((peer) => peer.received.join('')),
        Array(3).fill('hello there'),
      )
    })
    return world.traceHash
  }
  assert.equal(await play(7), await play(7))
  assert.notEqual(await play(7), await play(8))
  // On every Node version: this number may change only with the world itself.
  assert.equal(await play(7), 504_593_759)
})

test('a partition holds bytes back and healing delivers them', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    await echo(world.process('server').environment, 'server', 1)
    const peer = await dial(world.process('client').environment, 'server', 1)
    world.network.partition('client', 'server')
    peer.connection.write([Buffer.from('x')])
    await world.sleep(10_000)
    assert.deepEqual(peer.received, [])
    world.network.heal('client', 'server')
    await world.sleep(10)
    assert.deepEqual(peer.received, ['x'])
  })
})

test('connecting to nobody is refused, and to a cut-off host times out', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const { environment } = world.process('client')
    await assert.rejects(dial(environment, 'server', 1), { code: 'ECONNREFUSED', stage: 'tcp' })
    await echo(world.process('server').environment, 'server', 1)
    world.network.partition('client', 'server')
    await assert.rejects(dial(environment, 'server', 1), { code: 'ETIMEDOUT' })
    await assert.rejects(environment.network.resolve('nowhere'), { code: 'ENOTFOUND' })
  })
})

test('a killed process leaves nothing behind and its peers see a reset, or nothing', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    for (const silently of [false, true]) {
      const server = world.process('server')
      await echo(server.environment, 'server', 1)
      const peer = await dial(world.process('client').environment, 'server', 1)
      server.environment.timers.set(1, () => assert.fail('a timer of a dead process fired'))
      server.kill({ silently })
      assert.deepEqual(server.leaks(), { timers: 0, connections: 0, listeners: 0 })
      const outcome = await Promise.race([peer.closed, world.sleep(60_000).then(() => 'silence')])
      if (silently) assert.equal(outcome, 'silence')
      else assert.equal((outcome as NetworkError).code, 'ECONNRESET')
      peer.connection.destroy()
    }
  })
})

test('after a block expired timers run before the input that arrived, and threads never stop', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const server = world.process('server')
    const order: string[] = []
    await server.environment.network.listen({ host: 'server', port: 1 }, () => ({
      onData: () => void order.push('input'),
      onClose: () => undefined,
    }))
    const peer = await dial(world.process('client').environment, 'server', 1)
    let beats = 0
    server.environment.threads.start({
      module: new URL('file:///unused'),
      data: null,
      inline: ({ environment }) => {
        const beat = (): void => {
          beats++
          environment.timers.set(100, beat)
        }
        beat()
      },
    })
    await world.sleep(10)
    server.blockLoop(1000)
    peer.connection.write([Buffer.from('x')])
    server.environment.timers.set(500, () => order.push('timer'))
    await world.sleep(999)
    assert.deepEqual(order, [])
    assert.ok(beats >= 9, `${beats} beats`)
    await world.sleep(2)
    assert.deepEqual(order, ['timer', 'input'])
  })
})

test('a slow reader makes the writer wait, and resuming lets it go on', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    let reader: Connection | undefined
    let bytes = 0
    await world.process('server').environment.network.listen({ host: 'server', port: 1 }, (c) => {
      reader = c
      return { onData: (_buffer, length) => void (bytes += length), onClose: () => undefined }
    })
    let drains = 0
    const { environment } = world.process('client')
    const connection = await new Promise<Connection>((resolve) => {
      const made = environment.network.connect(
        { host: 'server', port: 1 },
        {
          onConnect: () => resolve(made),
          onData: () => undefined,
          onDrain: () => void drains++,
          onClose: () => undefined,
        },
      )
    })
    reader?.pause()
    assert.equal(connection.write([Buffer.alloc(2_000_000)]), false)
    await world.sleep(50)
    assert.equal(bytes, 0)
    reader?.resume()
    await world.sleep(50)
    assert.equal(bytes, 2_000_000)
    assert.equal(drains, 1)
  })
})

test('a buffer that is changed before its delivery is noticed', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await assert.rejects(
    world.run(async () => {
      await echo(world.process('server').environment, 'server', 1)
      const peer = await dial(world.process('client').environment, 'server', 1)
      const bytes = Buffer.from('precious')
      peer.connection.write([bytes])
      bytes.fill(0)
      await world.sleep(10)
    }),
    /changed after it was written/,
  )
})

test('a promise that can never settle is a deadlock, said at once', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await assert.rejects(world.run(new Promise(() => undefined)), /Deadlock/)
})
