import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dial, serve } from '../peers.test-kit.ts'
import { VirtualWorld } from './virtual-world.ts'

test('an hour passes in a moment, and timers of one time fire in the order of their setting', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const { timers, clock } = world.process('a').environment
  const fired: string[] = []
  timers.set(10, () => fired.push('first'))
  timers.set(10, () => fired.push('second'))
  const started = clock.monotonic()
  await world.run(new Promise<void>((resolve) => void timers.set(3_600_000, resolve)))
  assert.deepEqual(fired, ['first', 'second'])
  assert.equal(clock.monotonic() - started, 3_600_000)
  assert.equal(world.now, 3_600_000)
})

test('an hour of mostly idle work takes well under a second', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const started = performance.now()
  await world.run(async () => {
    await serve(world.process('server').environment, 'server', 1)
    // Ten members that send a heartbeat every three seconds, and a ticker of 100 ms each.
    for (let member = 0; member < 10; member++) {
      const { environment } = world.process(`member-${member}`)
      const { connection } = await dial(environment, { host: 'server', port: 1 })
      const every = (ms: number, what: () => void): void => {
        environment.timers.set(ms, () => {
          what()
          every(ms, what)
        })
      }
      every(3000, () => void connection.write([Buffer.from('heartbeat')]))
      every(100, () => undefined)
    }
    await world.sleep(3_600_000)
  })
  assert.ok(world.steps > 380_000, `${world.steps} events`)
  // It takes about 0.3 s; the limit is for a machine that does five other things.
  const took = performance.now() - started
  assert.ok(took < 3000, `${Math.round(took)} ms for ${world.steps} events`)
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
      await serve(world.process('server').environment, 'server', 1)
      const peers = await Promise.all(
        [1, 2, 3].map((n) =>
          dial(world.process(`client-${n}`).environment, { host: 'server', port: 1 }),
        ),
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
  assert.equal(await play(7), 1_841_784_666)
})

test('a promise that can never settle is reported as a deadlock', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await assert.rejects(world.run(new Promise(() => undefined)), /Deadlock/)
})

test('an endless loop is stopped, and a run that exceeds its time fails', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const { timers } = world.process('a').environment
  const spin = (): void => timers.soon(spin)
  spin()
  await assert.rejects(
    world.run(new Promise(() => undefined), { maxSteps: 1000 }),
    /probably an endless loop/,
  )
  const slow = new VirtualWorld({ seed: 1 })
  await assert.rejects(slow.run(slow.sleep(5000), { timeoutMs: 1000 }), /1000 virtual ms/)
  assert.equal(slow.now, 1000)
  await slow.advance(500)
  assert.equal(slow.now, 1500)
})

test('an error thrown in an event, or by the director, fails the run', async () => {
  const world = new VirtualWorld({ seed: 1 })
  world.process('a').environment.timers.set(5, () => {
    throw new Error('thrown in a timer')
  })
  await assert.rejects(world.run(world.sleep(10)), /thrown in a timer/)
  await assert.rejects(
    world.run(async () => {
      throw new Error('thrown by the director')
    }),
    /thrown by the director/,
  )
})

test('a world that runs is not run a second time', async () => {
  const world = new VirtualWorld({ seed: 1 })
  await world.run(async () => {
    await world.sleep(1)
    await assert.rejects(world.advance(10), /already running/)
  })
})

test('the trace has what happened, when and in which process', async () => {
  const lines: string[] = []
  const world = new VirtualWorld({
    seed: 1,
    onTrace: ({ at, process, what }) => void lines.push(`${at} ${process} ${what}`),
  })
  world.process('a').environment.timers.set(5, () => world.process('a').kill())
  await world.run(world.sleep(10))
  assert.deepEqual(lines, ['5 a timer', '5 a killed'])
})
