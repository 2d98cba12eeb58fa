/** Laws that hold for the machine of every membership, whatever protocol it speaks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

interface Named {
  readonly name: string
}

interface Done {
  readonly do: string
}

export interface ExploredMachine<State extends Named, Event extends { type: string }> {
  /** Every state that was reached, with the events that led there. */
  readonly all: readonly { readonly state: State; readonly path: readonly string[] }[]
  /** What may be done in each state. */
  readonly mayDo: Readonly<Record<string, readonly string[]>>
  readonly transition: (
    state: State,
    event: Event,
  ) => { readonly state: State; readonly effects: readonly Done[] }
  readonly sampleEvents: (state: State) => readonly Event[]
  readonly lateEvents: (state: State) => readonly Event[]
  /** The state after what it waits for went well. */
  readonly answered: (state: State) => State
  readonly isAtRest: (state: State) => boolean
  readonly leaveRequested: Event
  /** What a member that leaves may still do. */
  readonly farewells: readonly string[]
}

export function testLaws<State extends Named, Event extends { type: string }>(
  machine: ExploredMachine<State, Event>,
): void {
  const { all, mayDo, transition, sampleEvents, lateEvents, answered, isAtRest } = machine

  test('every state is reached, and in each of them what may happen follows the rules', () => {
    const names = new Set(all.map(({ state }) => state.name))
    assert.deepEqual([...names].sort(), Object.keys(mayDo).sort())
    assert.ok(all.length > 300, `${all.length} states`)
  })

  test('nothing is sent after the end', () => {
    for (const { state } of all) {
      if (state.name !== 'left') continue
      for (const event of [...sampleEvents(state), ...lateEvents(state)]) {
        assert.deepEqual(transition(state, event), { state, effects: [] })
      }
    }
  })

  test('late answers change nothing', () => {
    for (const { state, path } of all) {
      for (const event of lateEvents(state)) {
        const step = transition(state, event)
        assert.deepEqual(step.effects, [], `${event.type} after ${path.join(', ')}`)
        assert.equal(step.state, state, `${event.type} after ${path.join(', ')}`)
      }
    }
  })

  test('whatever happened, a member that is answered comes to rest', () => {
    for (const seen of all) {
      if (['leaving', 'left', 'failed'].includes(seen.state.name)) continue
      let { state } = seen
      for (let steps = 0; steps < 30 && !isAtRest(state); steps++) state = answered(state)
      assert.ok(isAtRest(state), `stays ${state.name} after ${seen.path.join(', ')}`)
    }
  })

  test('leaving is possible at any time, and asks for no hook', () => {
    for (const { state } of all) {
      if (['leaving', 'left'].includes(state.name)) continue
      const { state: next, effects } = transition(state, machine.leaveRequested)
      assert.ok(['leaving', 'left'].includes(next.name))
      assert.ok(effects.every((effect) => machine.farewells.includes(effect.do)))
    }
  })
}
