import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import { MemberShell } from './member-shell.ts'

type State = { readonly name: 'unjoined' | 'stable' | 'resting' | 'leaving' | 'left' }
type Event = { readonly type: 'started' | 'rested' | 'leaveRequested' | 'leaveSettled' | 'poked' }
type Effect = { readonly do: string }

const NEXT: Readonly<Record<Event['type'], State['name'] | undefined>> = {
  started: 'stable',
  rested: 'resting',
  leaveRequested: 'leaving',
  leaveSettled: 'left',
  poked: undefined,
}

/** A shell around the smallest machine: every event is an effect, too. */
class Fixture {
  readonly world = new VirtualWorld({ seed: 5 })
  readonly process = this.world.process('member')
  readonly done: string[] = []
  readonly errors: string[] = []
  onEffect: (effect: Effect) => void = () => undefined
  readonly shell: MemberShell<State, Event, Effect>

  constructor() {
    const emitter = new TypedEmitter<ClientEvents>()
    emitter.on('listenerError', ({ event, error }) => {
      this.errors.push(`${event}: ${(error as Error).message}`)
    })
    this.shell = new MemberShell<State, Event, Effect>(this.process.environment, emitter, {
      initial: { name: 'unjoined' },
      transition: (state, { type }) => ({
        state: { name: NEXT[type] ?? state.name },
        effects: [{ do: type }],
      }),
      perform: (effect) => {
        this.done.push(effect.do)
        this.onEffect(effect)
      },
      entered: ({ name }) => this.done.push(`is ${name}`),
      leaveSettled: { type: 'leaveSettled' },
    })
    this.shell.dispatch({ type: 'started' })
    this.done.length = 0
  }

  get now(): number {
    return this.process.environment.clock.monotonic()
  }
}

test('an event from inside of a step is taken when that step is done', () => {
  const fixture = new Fixture()
  fixture.onEffect = (effect) => {
    if (effect.do === 'rested') fixture.shell.dispatch({ type: 'poked' })
  }
  fixture.shell.dispatch({ type: 'rested' })
  assert.deepEqual(fixture.done, ['rested', 'is resting', 'poked'])
})

test('a timer counts for nothing once its member is out of the group', async () => {
  const { shell, world, done, now } = new Fixture()
  shell.setTimer(now + 1000, () => done.push('one'))
  shell.setTimer(now + 3000, () => done.push('two'))
  await world.advance(2000)
  assert.deepEqual(done, ['one'])
  shell.dispatch({ type: 'rested' })
  await world.advance(5000)
  assert.deepEqual(done, ['one', 'rested', 'is resting'])
})

test('a hook is over when it is through, or when its time is up, and only once', async () => {
  const { shell, world, process, done, now } = new Fixture()
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void process.environment.timers.set(ms, resolve))
  const hook = (name: string) => ({ name, budgetMs: 2000, settled: () => done.push(name) })
  const deadlines: number[] = []
  shell.callHook(hook('quick'), async (deadline) => {
    deadlines.push(deadline - now)
    await sleep(500)
  })
  shell.callHook(hook('slow'), () => sleep(4000))
  await world.advance(1000)
  assert.deepEqual([done, deadlines], [['quick'], [2000]])
  await world.advance(1500)
  assert.deepEqual(done, ['quick', 'slow'])
  await world.advance(5000)
  assert.deepEqual(done, ['quick', 'slow'])
  assert.equal(process.leaks().timers, 0)
})

test('what hooks, listeners and work throw is told, and nothing stops', async () => {
  const { shell, world, done, errors } = new Fixture()
  const settled = (): void => void done.push('settled')
  shell.callHook({ name: 'onRevoked', budgetMs: 1000, settled }, () => {
    throw new Error('a hook')
  })
  shell.tell('onLost', () => {
    throw new Error('a listener')
  })
  shell.run(Promise.reject(new Error('a mistake')))
  await world.advance(10)
  assert.deepEqual(done, ['settled'])
  assert.deepEqual(errors.sort(), [
    'membership: a mistake',
    'onLost: a listener',
    'onRevoked: a hook',
  ])
})

test('leaving ends when the group was told, or in time; whoever asks again may be in a hurry', async () => {
  const told = new Fixture()
  const leaving = told.shell.leave({ type: 'leaveRequested' }, told.now + 10_000)
  told.shell.dispatch({ type: 'leaveSettled' })
  await told.world.run(leaving)
  assert.equal(told.shell.isOver, true)
  const silent = new Fixture()
  const patient = silent.shell.leave({ type: 'leaveRequested' }, silent.now + 10_000)
  await silent.world.advance(1000)
  assert.equal(silent.shell.state.name, 'leaving')
  void silent.shell.leave({ type: 'poked' }, silent.now + 500)
  await silent.world.run(patient)
  assert.equal(silent.now, 1500)
})
