import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { State } from './classic-group.ts'
import { GroupUnderTest } from './machine.test-kit.ts'

/** What a crowd of members, an administrator and the clock may do to a group. */
const action = fc.oneof(
  fc.record({ do: fc.constant('joinNew' as const), isStatic: fc.boolean() }),
  fc.record({ do: fc.constant('join' as const), who: fc.nat(5), metadata: fc.nat(1) }),
  fc.record({ do: fc.constant('sync' as const), who: fc.nat(5), generation: fc.nat(1) }),
  fc.record({ do: fc.constant('heartbeat' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constant('leave' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constant('expireSession' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constantFrom('expireJoin' as const, 'expireSync' as const) }),
  fc.record({ do: fc.constant('reload' as const) }),
)

function perform(
  group: GroupUnderTest,
  one: typeof action extends fc.Arbitrary<infer T> ? T : never,
) {
  const member = 'who' in one ? [...group.state.members.values()][one.who] : undefined
  const memberId = member?.memberId ?? 'stranger'
  const groupInstanceId = member?.groupInstanceId ?? null
  switch (one.do) {
    case 'joinNew':
      group.join('', { groupInstanceId: one.isStatic ? 'pod' : null })
      break
    case 'join': {
      const metadata = Buffer.from([one.metadata])
      group.join(memberId, { groupInstanceId, protocols: [{ name: 'range', metadata }] })
      break
    }
    case 'sync':
      group.sync(memberId, {
        groupInstanceId,
        generationId: group.state.generationId - one.generation,
      })
      break
    case 'heartbeat':
      group.heartbeat(memberId)
      break
    case 'leave':
      group.leave({ memberId, groupInstanceId })
      break
    case 'expireSession':
      if (group.timers.delete(`session ${memberId}`)) {
        group.dispatch({ type: 'sessionExpired', memberId })
      }
      break
    case 'expireJoin':
      if (group.timers.delete('join')) group.dispatch({ type: 'joinExpired' })
      break
    case 'expireSync':
      if (group.timers.delete('sync')) {
        group.dispatch({ type: 'syncExpired', generationId: group.state.generationId })
      }
      break
    case 'reload':
      group.reload()
      break
  }
}

/** What holds in every state that can be reached. */
function checkInvariants(state: State, timers: ReadonlyMap<string, number>): void {
  const { phase, members, leaderId } = state
  if (phase.name === 'Empty') assert.equal(members.size, 0)
  if (phase.name === 'Stable' || phase.name === 'CompletingRebalance') {
    assert.ok(members.size > 0)
    assert.ok(leaderId !== null && members.has(leaderId), 'the leader is a member')
    for (const memberId of phase.pendingSync) assert.ok(members.has(memberId))
  }
  if (phase.name === 'PreparingRebalance') assert.ok(timers.has('join'), 'it will end')
  const instances = [...members.values()].flatMap(({ groupInstanceId }) => groupInstanceId ?? [])
  assert.equal(new Set(instances).size, instances.length)
  for (const { parked } of members.values()) {
    if (parked.for === 'join') assert.equal(phase.name, 'PreparingRebalance')
    if (parked.for === 'sync') assert.equal(phase.name, 'CompletingRebalance')
  }
  if (phase.name === 'CompletingRebalance') assert.ok(timers.has('sync'), 'it will end')
}

test('a group stays consistent and no member waits indefinitely under random events', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const group = new GroupUnderTest()
      let generationId = 0
      for (const one of actions) {
        perform(group, one)
        checkInvariants(group.state, group.timers)
        if (one.do !== 'reload') assert.ok(group.state.generationId >= generationId)
        generationId = group.state.generationId
      }
    }),
    { numRuns: 500 },
  )
})

test('a machine is a function: the same state and event give the same step', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      const [one, other] = [new GroupUnderTest(), new GroupUnderTest()]
      for (const each of actions) {
        const before = structuredClone(one.state)
        const frozen = one.state
        perform(one, each)
        perform(other, each)
        assert.deepEqual(structuredClone(frozen), before, 'the old state is left alone')
        assert.deepEqual(one.state, other.state)
      }
    }),
    { numRuns: 100 },
  )
})
