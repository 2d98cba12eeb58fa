import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import fc from 'fast-check'
import { ConsumerGroupUnderTest, TestMember } from './consumer-group.test-kit.ts'

/** What a crowd of clients, an administrator and the clock may do to a group. */
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), topics: fc.nat(2) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('beat' as const), who: fc.nat(5) }) },
  fc.record({ do: fc.constant('lostAnswer' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constant('leave' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constant('expireSession' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constant('expireRebalance' as const), who: fc.nat(5) }),
  fc.record({ do: fc.constant('topic' as const), name: fc.nat(1), partitions: fc.nat(5) }),
  fc.record({ do: fc.constantFrom('wait' as const, 'reload' as const) }),
)
const TOPICS = [['orders'], ['returns'], ['orders', 'returns']]

class Crowd {
  readonly group = new ConsumerGroupUnderTest(
    { orders: 4, returns: 3 },
    { assignmentIntervalMs: 10 },
  )
  members: readonly TestMember[] = []
  #count = 0

  perform(one: typeof action extends fc.Arbitrary<infer T> ? T : never): void {
    const { group } = this
    const member = 'who' in one ? this.members[one.who] : undefined
    switch (one.do) {
      case 'join': {
        const id = `member-${++this.#count}`
        const joining = new TestMember(group, id, TOPICS[one.topics] ?? [])
        this.members = [...this.members, joining]
        joining.beat()
        break
      }
      case 'beat':
        member?.beat()
        break
      case 'lostAnswer':
        member?.beat(true)
        break
      case 'leave':
        if (member === undefined) break
        group.heartbeat(member.memberId, { memberEpoch: -1 })
        this.#forget(member)
        break
      case 'expireSession':
        if (member !== undefined && group.expire(`session ${member.memberId}`)) this.#forget(member)
        break
      case 'expireRebalance':
        if (member !== undefined && group.expire(`rebalance ${member.memberId}`)) {
          this.#forget(member)
        }
        break
      case 'topic':
        group.topic(TOPICS[one.name]?.[0] ?? '', one.partitions)
        break
      case 'wait':
        group.now += 10
        break
      case 'reload':
        group.timers.clear()
        group.dispatch({ type: 'loaded' })
        break
    }
    this.check()
  }

  /** Whoever believes in a partition is alone with it, in the clients' eyes and in the group's. */
  check(): void {
    const owners = new Map<string, string>()
    for (const { owned, memberId } of this.members) {
      for (const key of owned) {
        assert.equal(owners.get(key), undefined, `${key} of ${memberId} has another owner`)
        owners.set(key, memberId)
      }
    }
    const held = new Set<string>()
    for (const { assigned, pendingRevocation } of this.group.state.members.values()) {
      for (const key of [...assigned.keys(), ...pendingRevocation.keys()]) {
        assert.ok(!held.has(key), `${key} is held twice`)
        held.add(key)
      }
    }
  }

  #forget(member: TestMember): void {
    this.members = this.members.filter((one) => one !== member)
  }
}

test('no partition has two owners under random events, and the final assignment is balanced', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const crowd = new Crowd()
      for (const one of actions) crowd.perform(one)
      for (let round = 0; round < 8; round++) {
        crowd.group.now += 10
        for (const member of crowd.members) {
          const errorCode = member.beat()
          const isFine = errorCode === ErrorCode.NONE || round === 0
          assert.ok(isFine, `${member.memberId} is refused with ${errorCode}`)
          crowd.check()
        }
      }
      const { group, members } = crowd
      const { byName } = group.topics
      for (const name of ['orders', 'returns']) {
        const wanting = members.filter(({ topics }) => topics.includes(name))
        const count = wanting.reduce(
          (sum, { owned }) =>
            sum + [...owned].filter((key) => key.startsWith(`id-${name}:`)).length,
          0,
        )
        const size = byName.get(name)?.partitions ?? 0
        assert.equal(count, wanting.length === 0 ? 0 : size, `partitions of ${name} in use`)
      }
    }),
    { numRuns: 300 },
  )
})
