import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, joinGroup, syncGroup } from '@odradek/protocol'
import type { AssignorInput } from '../assignors/assignor.ts'
import { range } from '../assignors/index.ts'
import { FakeGroup } from './fake-group.test-kit.ts'

test('the leader sees a topic grow that only others read, and everybody gets more', async () => {
  const group = new FakeGroup({ orders: 2, bills: 2 })
  const a = group.member('a')
  await group.advance(1000)
  const b = group.member('b', { topics: ['bills'] })
  await group.advance(3000)
  assert.equal(b.owned.size, 2)
  group.topics.set('bills', 4)
  await group.world.run(a.cluster.refreshMetadata('the test says so'))
  await group.advance(3000)
  assert.equal(b.owned.size, 4)
  assert.ok(
    group.coordinator
      .requests(joinGroup)
      .some(({ body }) =>
        /partitions were added: ..bills.. from 2 to 4/.test(JSON.stringify(body)),
      ),
  )
})

test('a plan waits for unknown topics a third of the session, and takes nothing away', async () => {
  const group = new FakeGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  await group.world.run(a.leave())
  a.owned.clear()
  const b = group.member('b')
  await group.advance(1000)
  assert.equal(b.owned.size, 4)
  // From now on a new leader would know nothing of the topic.
  group.hiddenTopics.add('orders')
  b.cluster.metadata = { ...b.cluster.metadata, topics: new Map() }
  const c = group.member('c')
  await group.advance(20_000)
  assert.equal(b.owned.size + c.owned.size, 4)
  group.hiddenTopics.clear()
  await group.advance(20_000)
  assert.deepEqual([b.owned.size, c.owned.size], [2, 2])
})

test('a leader without metadata answers within a third of the session', async () => {
  const group = new FakeGroup({ orders: 4 })
  group.hiddenTopics.add('orders')
  const a = group.member('a')
  await group.advance(4000)
  assert.equal(a.stateName, 'stable')
  assert.equal(a.owned.size, 0)
  const sent = group.coordinator.requests(syncGroup)[0]?.at ?? 0
  assert.ok(sent > 2900 && sent < 3300, `${sent}`)
  group.hiddenTopics.clear()
  await group.advance(8000)
  assert.equal(a.owned.size, 4)
})

test('a topic that does not exist costs no wait, and is read when it appears', async () => {
  const group = new FakeGroup({})
  const a = group.member('a')
  await group.advance(1500)
  assert.equal(a.stateName, 'stable')
  group.topics.set('orders', 2)
  await group.advance(8000)
  assert.equal(a.owned.size, 2)
})

test('a topic that seems to have shrunk is believed after several refreshes', async () => {
  const group = new FakeGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  group.topics.set('orders', 2)
  await group.world.run(a.cluster.refreshMetadata('the test says so'))
  a.membership.rejoin('the test says so')
  await group.advance(1000)
  assert.equal(a.owned.size, 4)
  await group.advance(20_000)
  a.membership.rejoin('the test says so')
  await group.advance(1000)
  assert.equal(a.owned.size, 2)
})

test('a member whose metadata makes no sense does not bring the leader down', async () => {
  const group = new FakeGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  const joined = new Promise<{ memberId: string }>((resolve) => {
    const ask = (memberId: string): void =>
      group.coordinator.handle(
        joinGroup,
        {
          groupId: 'readers',
          memberId,
          sessionTimeoutMs: 60_000,
          rebalanceTimeoutMs: 60_000,
          protocolType: 'consumer',
          protocols: [{ name: 'cooperative-sticky', metadata: Buffer.from('ffff', 'hex') }],
        },
        (body) => {
          const { errorCode, memberId: given } = body as { errorCode: number; memberId: string }
          if (errorCode === 79) ask(given)
          else resolve({ memberId: given })
        },
      )
    ask('')
  })
  const answer = await group.world.run(joined)
  assert.ok(group.coordinator.memberIds.includes(answer.memberId))
  await group.advance(5000)
  assert.equal(a.owned.size, 4)
  assert.deepEqual(a.fatal, undefined)
})

test('topics change without leaving the group', async () => {
  const group = new FakeGroup({ orders: 2, bills: 2 })
  const a = group.member('a')
  await group.advance(1000)
  a.clear()
  a.membership.setTopics(['bills'])
  await group.advance(1000)
  assert.deepEqual([...a.owned].sort(), ['bills:0', 'bills:1'])
  assert.deepEqual(a.heard, [
    'revoked orders-0 orders-1',
    'joining',
    'stable 2',
    'assigned bills-0 bills-1',
  ])
})

test('a static leader that comes back with other topics makes another plan', async () => {
  const group = new FakeGroup({ orders: 2, bills: 2 })
  const a = group.member('a', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  await group.world.run(a.leave(1000, 'remain'))
  a.owned.clear()
  const b = group.member('b', { groupInstanceId: 'i-1', topics: ['bills', 'orders'] })
  await group.world.run(b.cluster.refreshMetadata('as any first use does'))
  await group.advance(3000)
  assert.equal(b.owned.size, 4)
  assert.equal(group.coordinator.generationId, 2)
})

for (const hidesLeader of [false, true]) {
  const broker = hidesLeader ? 'an old broker' : 'a broker'
  test(`a leader that ${broker} let in again sees what grew meanwhile, and what grows later`, async () => {
    const group = new FakeGroup({ orders: 2, bills: 2 })
    group.coordinator.hidesLeader = hidesLeader
    const a = group.member('a', { groupInstanceId: 'i-1' })
    await group.advance(1000)
    const b = group.member('b', { topics: ['bills'] })
    await group.advance(3000)
    await group.world.run(a.leave(1000, 'remain'))
    a.owned.clear()
    group.topics.set('bills', 3)
    const again = group.member('again', { groupInstanceId: 'i-1' })
    await group.advance(9000)
    assert.equal(again.owned.size, 2)
    assert.equal(b.owned.size, 3)
    group.topics.set('bills', 4)
    await group.world.run(again.cluster.refreshMetadata('the test says so'))
    await group.advance(3000)
    assert.equal(b.owned.size, 4)
  })

  test(`a leader that ${broker} let in again makes no plan without a reason`, async () => {
    const group = new FakeGroup()
    group.coordinator.hidesLeader = hidesLeader
    const a = group.member('a', { groupInstanceId: 'i-1' })
    await group.advance(1000)
    group.member('b')
    await group.advance(3000)
    const { generationId } = group.coordinator
    await group.world.run(a.leave(1000, 'remain'))
    a.owned.clear()
    const again = group.member('again', { groupInstanceId: 'i-1' })
    await group.advance(60_000)
    assert.equal(again.owned.size, 3)
    assert.equal(group.coordinator.generationId, generationId)
  })
}

test('S46 a leader that was let in again reports what it cannot read, and makes another plan', async () => {
  const group = new FakeGroup()
  const a = group.member('a', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  const b = group.member('b')
  await group.advance(3000)
  const { generationId } = group.coordinator
  await group.world.run(a.leave(1000, 'remain'))
  a.owned.clear()
  const described = group.coordinator.describe() as {
    readonly members: readonly { readonly memberId: string }[]
  }
  const garbage = { memberMetadata: Buffer.from('hello'), memberAssignment: Buffer.from('world') }
  const members = described.members.map((member) =>
    member.memberId.startsWith('i-1') ? member : { ...member, ...garbage },
  )
  group.coordinator.describe = () => ({ ...described, members })
  const again = group.member('again', { groupInstanceId: 'i-1' })
  const reported: string[] = []
  for (const name of ['unreadableSubscription', 'unreadableAssignment'] as const) {
    again.emitter.on(name, ({ memberId, error, advice }) => {
      reported.push(`${name} ${memberId} ${error.name} ${advice.length > 0}`)
    })
  }
  await group.advance(9000)
  const memberId = members[1]?.memberId ?? ''
  assert.deepEqual(reported, [
    `unreadableSubscription ${memberId} ProtocolError true`,
    `unreadableAssignment ${memberId} ProtocolError true`,
  ])
  assert.equal(group.coordinator.generationId, generationId + 1)
  assert.deepEqual([again.owned.size, b.owned.size], [3, 3])
})

test('replicas that move to or from the racks of members are a reason for another plan', async () => {
  const group = new FakeGroup()
  const a = group.member('a', { clientRack: 'x' })
  const placeBroker = async (rack: string | undefined): Promise<void> => {
    const broker = { nodeId: 1, host: 'broker', port: 9092, rack: rack ?? null }
    const brokers = new Map(rack === undefined ? [] : [[1, broker]])
    a.cluster.metadata = { ...a.cluster.metadata, brokers }
    await group.world.run(a.cluster.refreshMetadata('the test says so'))
    await group.advance(3000)
  }
  await placeBroker('x')
  const { generationId } = group.coordinator
  const plansSince = (): number => group.coordinator.generationId - generationId
  // A broker that restarts is where it was.
  await placeBroker(undefined)
  await placeBroker('x')
  assert.equal(plansSince(), 0)
  await placeBroker('y')
  assert.equal(plansSince(), 1)
  assert.match(JSON.stringify(group.coordinator.requests(joinGroup).at(-1)?.body), /other racks/)
  // No member is near to either.
  await placeBroker('z')
  assert.equal(plansSince(), 1)
  await placeBroker('x')
  assert.equal(plansSince(), 2)
})

test('a topic that grows between the plan and its sync is read', async () => {
  const group = new FakeGroup({ orders: 2 })
  const assign: typeof range.assign = (input) => {
    group.topics.set('orders', 4)
    a.cluster.refreshMetadata('the test says so').catch(assert.fail)
    return range.assign(input)
  }
  const a = group.member('a', { assignors: [{ ...range, assign }] })
  await group.advance(5000)
  assert.equal(a.owned.size, 4)
})

test('a leader that may not look at the plan it came back to makes another', async () => {
  const group = new FakeGroup()
  group.coordinator.descriptionRefusal = ErrorCode.GROUP_AUTHORIZATION_FAILED
  const a = group.member('a', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  await group.world.run(a.leave(1000, 'remain'))
  a.owned.clear()
  const again = group.member('again', { groupInstanceId: 'i-1' })
  await group.advance(60_000)
  assert.equal(again.owned.size, 6)
  assert.equal(group.coordinator.generationId, 2)
})

const SLOW = { rebalanceTimeoutMs: 120_000 }

/** Whoever has to give partitions up takes a minute for it. */
async function slowHandOver() {
  const group = new FakeGroup({ orders: 4, bills: 2 })
  group.member('leader', { ...SLOW, topics: ['bills'] })
  await group.advance(1000)
  const holder = group.member('holder', { ...SLOW, groupInstanceId: 'i-1' })
  await group.advance(3000)
  assert.equal(holder.owned.size, 4)
  holder.revokedMs = 60_000
  const heir = group.member('heir', SLOW)
  await group.advance(4000)
  return { group, holder, heir }
}

test('whoever should give partitions up is gone and replaced: the leader sees it soon', async () => {
  const { group, holder, heir } = await slowHandOver()
  assert.deepEqual([holder.told('revoked').length, heir.owned.size], [1, 0])
  holder.process.kill()
  const successor = group.member('successor', { ...SLOW, groupInstanceId: 'i-1' })
  const { generationId } = group.coordinator
  await group.advance(500)
  assert.equal(group.coordinator.generationId, generationId, 'it was let in without a rebalance')
  await group.advance(8000)
  assert.deepEqual([successor.owned.size, heir.owned.size], [2, 2])
})

test('whoever takes long to give partitions up is waited for', async () => {
  const { group, holder, heir } = await slowHandOver()
  const { generationId } = group.coordinator
  await group.advance(50_000)
  assert.equal(group.coordinator.generationId, generationId)
  await group.advance(20_000)
  assert.deepEqual([holder.owned.size, heir.owned.size], [2, 2])
})

test('what an assignor leaves out on purpose is no reason to ask it again', async () => {
  const group = new FakeGroup()
  const assign = ({ members }: AssignorInput) =>
    new Map(members.map(({ memberId }) => [memberId, [{ topic: 'orders', partition: 0 }]]))
  const own = { name: 'own', protocol: 'cooperative', assign } as const
  const a = group.member('a', { assignors: [own] })
  await group.advance(60_000)
  assert.equal(a.owned.size, 1)
  assert.equal(group.coordinator.generationId, 1)
})

test("a user's assignor that throws, or gives a partition to two, fails the member", async () => {
  for (const assign of [
    () => {
      throw new Error('no idea')
    },
    () => new Map([['nobody', [{ topic: 'orders', partition: 0 }]]]),
  ]) {
    const group = new FakeGroup()
    const a = group.member('a', { assignors: [{ ...range, name: 'own', assign }] })
    await group.advance(2000)
    assert.equal(a.fatal?.code, 'USAGE')
    assert.match(a.fatal?.message ?? '', /assignor/)
    await group.world.run(a.leave())
    assert.equal(group.coordinator.memberIds.length, 0)
  }
})
