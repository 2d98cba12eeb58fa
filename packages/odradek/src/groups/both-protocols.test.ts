// What a member of a group may rely on whatever protocol it speaks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { type FakeMember, type FakeMembers, sizes, threeOf } from './shell/fake-members.test-kit.ts'
import { FakeConsumerGroup } from './consumer/fake-consumer-group.test-kit.ts'
import { FakeGroup } from './classic/fake-group.test-kit.ts'

type AnyGroup = FakeMembers & {
  member(name: string): FakeMember
  readonly coordinator: { refusal: number | undefined }
}

type Make = (topics?: Readonly<Record<string, number>>) => AnyGroup

const GROUPS: Readonly<Record<string, Make>> = {
  classic: (topics) => new FakeGroup(topics),
  consumer: (topics) => new FakeConsumerGroup(topics),
}

for (const [protocol, make] of Object.entries(GROUPS)) {
  const promise = (what: string, keeps: () => Promise<void>): void =>
    void test(`${protocol}: ${what}`, keeps)
  const three = async () => {
    const group = make()
    return { group, ...(await threeOf(group)) }
  }

  promise('one of three leaves: its partitions go to the others, who lose nothing', async () => {
    const { group, a, b, c } = await three()
    await group.world.run(b.leave())
    b.owned.clear()
    await group.advance(5000)
    assert.deepEqual(sizes(a, c), [3, 3])
    for (const member of [a, c]) {
      assert.deepEqual(member.told('revoked'), [])
      assert.deepEqual(member.told('lost'), [])
    }
    assert.equal(b.stateName, 'left')
    assert.equal(b.membership.stamp, undefined)
    assert.equal(b.process.leaks().timers, 0)
    assert.ok([...b.cluster.needed.values()].every((uses) => uses === 0))
  })

  promise('one of three is killed: the others have its partitions a session later', async () => {
    const { group, a, b, c } = await three()
    b.process.kill()
    await group.advance(7000)
    assert.deepEqual(sizes(a, c), [2, 2])
    await group.advance(6000)
    assert.deepEqual(sizes(a, c), [3, 3])
  })

  promise('the coordinator moves and comes back: nothing is lost, nobody joins anew', async () => {
    const { group, a, b, c } = await three()
    group.coordinator.refusal = ErrorCode.NOT_COORDINATOR
    await group.advance(3000)
    group.coordinator.refusal = undefined
    await group.advance(10_000)
    for (const member of [a, b, c]) {
      assert.deepEqual(member.heard, [])
      assert.ok(member.cluster.forgotten > 0)
      assert.ok(member.membership.isSessionAlive())
    }
  })

  promise(
    'no coordinator for a session: all is lost by our own clock, then found again',
    async () => {
      const { group, a, b, c } = await three()
      group.isUnreachable = true
      await group.advance(7500)
      assert.deepEqual(sizes(a, b, c), [2, 2, 2])
      await group.advance(4000)
      assert.deepEqual(sizes(a, b, c), [0, 0, 0])
      assert.equal(a.membership.isSessionAlive(), false)
      assert.equal(a.membership.stamp, undefined)
      await group.advance(30_000)
      assert.match(a.stalls[0]?.message ?? '', /joining group "readers"/)
      assert.equal(a.stalls[0]?.error?.name, 'ConnectionError')
      group.isUnreachable = false
      await group.advance(15_000)
      assert.deepEqual(sizes(a, b, c), [2, 2, 2])
      assert.deepEqual(a.told('revoked'), [])
    },
  )

  promise(
    'a wall clock far ahead (a suspended machine) makes one heartbeat ask first',
    async () => {
      const { group, a } = await three()
      a.process.skewWallClock(60_000)
      assert.equal(a.membership.isSessionAlive(), false)
      await group.advance(50)
      assert.equal(a.membership.isSessionAlive(), true)
      assert.deepEqual(a.told('lost'), [])
    },
  )

  promise('a hook that never ends holds nobody up beyond its time', async () => {
    const group = make({ orders: 4 })
    const a = group.member('a')
    await group.advance(1000)
    a.revokedMs = 1e9
    const b = group.member('b')
    await group.advance(16_000)
    assert.deepEqual(sizes(a, b), [2, 2])
    assert.equal(a.membership.assigned.length, 2)
    assert.deepEqual(a.told('lost'), [])
  })

  promise('a member that rests is out of the group until it starts again', async () => {
    const { group, a, b, c } = await three()
    a.membership.rest?.({ group: 'leave', reason: 'user code does not come back' })
    assert.equal(a.told('lost').length, 1)
    await group.advance(5000)
    assert.deepEqual(sizes(a, b, c), [0, 3, 3])
    assert.deepEqual([a.membership.stamp, a.membership.isSessionAlive()], [undefined, false])
    a.membership.start()
    await group.advance(8000)
    assert.deepEqual(sizes(a, b, c), [2, 2, 2])
    a.membership.rest?.({ group: 'leave', reason: 'again' })
    await group.world.run(a.leave())
    await group.advance(1000)
    assert.equal(a.process.leaks().timers, 0)
  })

  promise('a dynamic member that remains says nothing to the group', async () => {
    const { group, a, b, c } = await three()
    await group.world.run(a.leave(1000, 'remain'))
    a.owned.clear()
    await group.advance(6000)
    assert.deepEqual(sizes(b, c), [2, 2])
    await group.advance(8000)
    assert.deepEqual(sizes(b, c), [3, 3])
    assert.equal(a.process.leaks().timers, 0)
  })
}
