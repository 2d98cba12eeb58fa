import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkError, Thread } from '../environment.ts'
import { dial, serve } from '../peers.test-kit.ts'
import { VirtualWorld } from './virtual-world.ts'

const UNUSED = new URL('file:///never-loaded-in-a-virtual-world')
const NOTHING = { timers: 0, connections: 0, listeners: 0, threads: 0 }

test('a killed process leaves nothing behind and its peers see a reset, or nothing', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    for (const silently of [false, true]) {
      const server = world.process('server')
      await serve(server.environment, 'server', 1)
      const peer = await dial(world.process('client').environment, { host: 'server', port: 1 })
      const { timers, threads } = server.environment
      timers.set(1, () => assert.fail('a timer of a dead process fired'))
      threads.start({
        module: UNUSED,
        data: null,
        inline: ({ environment }) =>
          environment.timers.set(5, () => assert.fail('a thread outlived its process')),
      })
      await world.sleep(0)
      server.kill({ silently })
      assert.equal(server.isAlive, false)
      assert.deepEqual(server.leaks(), NOTHING)
      // What still runs of a dead process has no effect.
      timers.set(1, () => assert.fail('a dead process set a timer'))
      const outcome = await Promise.race([peer.closed, world.sleep(60_000).then(() => 'silence')])
      if (silently) assert.equal(outcome, 'silence')
      else assert.equal((outcome as NetworkError).code, 'ECONNRESET')
      peer.connection.destroy()
    }
  })
})

test('a process that starts again draws numbers of its own', () => {
  const world = new VirtualWorld({ seed: 1 })
  const first = world.process('a').environment.random.bytes(16)
  world.process('a').kill()
  assert.notDeepEqual(world.process('a').environment.random.bytes(16), first)
  const other = new VirtualWorld({ seed: 1 })
  assert.deepEqual(other.process('a').environment.random.bytes(16), first)
})

test('a paused process can be connected to, accepts when it resumes, and runs timers first', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const server = world.process('server')
    const order: string[] = []
    await server.environment.network.listen({ host: 'server', port: 1 }, () => {
      order.push('accept')
      return { onData: () => void order.push('input'), onClose: () => undefined }
    })
    server.environment.timers.set(50, () => order.push('timer'))
    const cleared = server.environment.timers.set(60, () => order.push('never'))
    server.pause()
    const peer = await dial(world.process('client').environment, { host: 'server', port: 1 })
    peer.connection.write([Buffer.from('x')])
    await world.sleep(10_000)
    assert.deepEqual(order, [])
    server.environment.timers.clear(cleared)
    server.resume()
    await world.sleep(1)
    assert.deepEqual(order, ['timer', 'accept', 'input'])
  })
})

test('after a block expired timers run before the input that arrived, and threads never stop', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const server = world.process('server')
    const order: string[] = []
    await server.environment.network.listen({ host: 'server', port: 1 }, () => ({
      onData: () => {
        order.push('input')
        server.environment.timers.soon(() => order.push('deferred'))
      },
      onClose: () => undefined,
    }))
    const peer = await dial(world.process('client').environment, { host: 'server', port: 1 })
    let beats = 0
    server.environment.threads.start({
      module: UNUSED,
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
    world.network.link('client', 'server', { latencyMs: [1, 1] })
    await world.sleep(999)
    assert.deepEqual(order, [])
    assert.ok(beats >= 9, `${beats} beats`)
    await world.sleep(2)
    assert.deepEqual(order, ['timer', 'input', 'deferred'])
  })
})

test('clocks are skewed for a process and its threads only', async () => {
  const world = new VirtualWorld({ seed: 1, startTime: 1_000_000 })
  await world.run(async () => {
    const a = world.process('a')
    const b = world.process('b').environment.clock
    let thread: { now(): number; monotonic(): number } | undefined
    a.environment.threads.start({
      module: UNUSED,
      data: null,
      inline: ({ environment }) => {
        thread = environment.clock
      },
    })
    await world.sleep(100)
    a.skewWallClock(-5000)
    a.skewMonotonicClock(70)
    a.skewMonotonicClock(-1000)
    for (const clock of [a.environment.clock, thread]) {
      assert.equal(clock?.now(), 1_000_000 + 100 - 5000)
      assert.equal(clock?.monotonic(), 170, 'a monotonic clock never goes back')
    }
    assert.equal(b.now(), 1_000_100)
    assert.equal(b.monotonic(), 100)
  })
})

test('threads exchange copies, share shared memory, and report their end', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    const { threads } = world.process('a').environment
    const shared = new Int32Array(new SharedArrayBuffer(4))
    const data = { shared, list: [1] }
    const heard: unknown[] = []
    let exits = 0
    const thread: Thread = threads.start({
      module: UNUSED,
      data,
      inline: (context) => {
        const mine = context.data as typeof data
        mine.list.push(2)
        Atomics.add(mine.shared, 0, 7)
        // Listening late loses nothing.
        context.environment.timers.set(10, () => {
          context.onMessage((message) => context.post({ answer: message }))
        })
      },
    })
    thread.onMessage((message) => void heard.push(message))
    thread.onExit(() => void exits++)
    const message = { text: 'hello' }
    thread.post(message)
    message.text = 'changed'
    await world.sleep(20)
    assert.deepEqual(heard, [{ answer: { text: 'hello' } }])
    assert.equal(Atomics.load(shared, 0), 7)
    assert.deepEqual(data.list, [1])
    await thread.terminate()
    await thread.terminate()
    thread.post('nobody hears this')
    await world.sleep(20)
    assert.equal(exits, 1)
    assert.deepEqual(world.process('a').leaks(), NOTHING)
  })
})

test("a thread is on its process's machine: a partition cuts both off", async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    await serve(world.process('server').environment, 'server', 1)
    const client = world.process('client')
    let outcome: unknown
    client.environment.threads.start({
      module: UNUSED,
      data: null,
      inline: ({ environment }) => {
        dial(environment, { host: 'server', port: 1, timeoutMs: 3000 }).then(
          () => (outcome = 'connected'),
          (error: NetworkError) => (outcome = error.code),
        )
      },
    })
    world.network.partition('client', 'server')
    await world.sleep(5000)
    assert.equal(outcome, 'ETIMEDOUT')
  })
})
