import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { commitError } from './commit-check.ts'
import { GroupUnderTest } from './machine.test-kit.ts'

const protocolsOf = (...names: readonly string[]) =>
  names.map((name) => ({ name, metadata: Buffer.from(name) }))

describe('joining', () => {
  test('a new member without an id gets one and must rejoin with it', () => {
    const group = new GroupUnderTest()
    const answer = group.joinAnswer(group.join('', { requiresKnownMemberId: true }))
    assert.equal(answer.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
    assert.equal(group.phase, 'Empty')
    assert.deepEqual([...group.state.pendingMembers], [answer.memberId])
    assert.equal(group.timers.get(`session ${answer.memberId}`), 10_000)
    group.join(answer.memberId)
    assert.deepEqual(group.memberIds, [answer.memberId])
    assert.equal(group.state.pendingMembers.size, 0)
  })

  test('a pending member that does not rejoin is removed', () => {
    const group = new GroupUnderTest()
    const { memberId } = group.joinAnswer(group.join('', { requiresKnownMemberId: true }))
    group.dispatch({ type: 'sessionExpired', memberId })
    assert.equal(group.state.pendingMembers.size, 0)
    const late = group.joinAnswer(group.join(memberId))
    assert.equal(late.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('a rebalance waits for pending members, and completes without them after the timeout', () => {
    const group = GroupUnderTest.stable(1)
    const pending = group.joinAnswer(group.join('', { requiresKnownMemberId: true }))
    const rejoin = group.join('member-1')
    assert.ok(group.isParked(rejoin))
    group.dispatch({ type: 'sessionExpired', memberId: pending.memberId })
    assert.equal(group.joinAnswer(rejoin).generationId, 2)
  })

  test('the first gathering ends with its delay; the first member leads and sees all', () => {
    const group = new GroupUnderTest()
    const first = group.join('')
    const second = group.join('')
    assert.ok(group.isParked(first))
    assert.equal(group.timers.get('join'), 0)
    group.gather()
    const leader = group.joinAnswer(first)
    const follower = group.joinAnswer(second)
    assert.equal(leader.leader, 'member-1')
    assert.equal(leader.generationId, 1)
    assert.equal(leader.protocolName, 'range')
    assert.deepEqual(
      leader.members.map(({ memberId }) => memberId),
      ['member-1', 'member-2'],
    )
    assert.deepEqual(follower.members, [])
    assert.equal(group.phase, 'CompletingRebalance')
    assert.equal(group.timers.get('session member-1'), 10_000)
    assert.equal(group.timers.get('sync'), 60_000)
    assert.ok(!group.timers.has('join'))
  })

  test('new members put the end of the first gathering off, up to the rebalance timeout', () => {
    const group = new GroupUnderTest({ initialRebalanceDelayMs: 3000 })
    const first = group.join('', { rebalanceTimeoutMs: 5000 })
    assert.equal(group.timers.get('join'), 3000)
    group.join('', { rebalanceTimeoutMs: 5000 })
    group.dispatch({ type: 'joinExpired' })
    assert.ok(group.isParked(first))
    assert.equal(group.timers.get('join'), 2000)
    group.join('', { rebalanceTimeoutMs: 5000 })
    group.dispatch({ type: 'joinExpired' })
    assert.equal(group.joinAnswer(first).members.length, 3)
  })

  test('protocols are chosen by vote among those that all members support', () => {
    const group = new GroupUnderTest()
    const first = group.join('', { protocols: protocolsOf('only-me', 'a', 'b') })
    group.join('', { protocols: protocolsOf('b', 'a') })
    group.join('', { protocols: protocolsOf('b', 'a') })
    group.gather()
    assert.equal(group.joinAnswer(first).protocolName, 'b')
    assert.equal(group.joinAnswer(first).members[0]?.metadata.toString(), 'b')
  })

  test('a member without a common protocol, or of another type, is refused', () => {
    const group = GroupUnderTest.stable(1)
    for (const more of [
      { protocols: protocolsOf('other') },
      { protocolType: 'connect' },
      { protocols: [] },
    ]) {
      const { errorCode } = group.joinAnswer(group.join('', more))
      assert.equal(errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    }
    assert.equal(group.phase, 'Stable')
  })

  test('a full group takes no new members but its own', () => {
    const group = GroupUnderTest.stable(2, { maxSize: 2 })
    const refused = group.joinAnswer(group.join(''))
    assert.equal(refused.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    const leader = group.join('member-1')
    assert.ok(group.isParked(leader))
    group.join('member-2')
    assert.equal(group.joinAnswer(leader).generationId, 2)
  })

  test('an unknown member id is refused', () => {
    const group = GroupUnderTest.stable(1)
    const { errorCode } = group.joinAnswer(group.join('stranger'))
    assert.equal(errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('a rejoining follower with nothing new gets the generation; the leader rebalances', () => {
    const group = GroupUnderTest.stable(2)
    const follower = group.joinAnswer(group.join('member-2'))
    assert.equal(follower.generationId, 1)
    assert.equal(follower.leader, 'member-1')
    assert.equal(group.phase, 'Stable')
    group.join('member-1')
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('changed metadata of a follower rebalances', () => {
    const group = GroupUnderTest.stable(2)
    group.join('member-2', { protocols: [{ name: 'range', metadata: Buffer.from('more') }] })
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('a repeated join gets the same response while the group completes', () => {
    const group = new GroupUnderTest()
    group.join('')
    group.join('')
    group.gather()
    const again = group.joinAnswer(group.join('member-1'))
    assert.equal(again.generationId, 1)
    assert.equal(again.members.length, 2)
    assert.equal(group.phase, 'CompletingRebalance')
    group.join('member-2', { protocols: [{ name: 'range', metadata: Buffer.from('more') }] })
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('absent members are out when the rebalance timeout passes; the leader role moves', () => {
    const group = GroupUnderTest.stable(2)
    const join = group.join('member-2', { protocols: protocolsOf('range') })
    assert.equal(group.timers.get('join'), 60_000)
    group.dispatch({ type: 'joinExpired' })
    assert.deepEqual(group.memberIds, ['member-2'])
    assert.equal(group.joinAnswer(join).leader, 'member-2')
    assert.ok(!group.timers.has('session member-1'))
  })

  test('the leader keeps its role when it rejoins', () => {
    const group = GroupUnderTest.stable(3)
    const third = group.join('member-3', { protocols: protocolsOf('range') })
    group.join('member-2')
    group.join('member-1')
    assert.equal(group.joinAnswer(third).leader, 'member-1')
  })

  test('a group whose members all stay away becomes empty, and is written down so', () => {
    const group = GroupUnderTest.stable(1)
    const join = group.join('')
    group.leave({ memberId: 'member-1', groupInstanceId: null })
    assert.equal(group.joinAnswer(join).generationId, 2)
    const [survivor] = group.memberIds
    group.leave({ memberId: survivor ?? '', groupInstanceId: null })
    assert.equal(group.phase, 'Empty')
    assert.equal(group.state.generationId, 3)
    assert.deepEqual(group.snapshot?.members, [])
  })

  test('a member that waits too long for its first response gets UNKNOWN_MEMBER_ID', () => {
    const group = GroupUnderTest.stable(1)
    const join = group.join('')
    assert.equal(group.timers.get('session member-3'), 300_000)
    group.dispatch({ type: 'sessionExpired', memberId: 'member-3' })
    assert.equal(group.joinAnswer(join).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.deepEqual(group.memberIds, ['member-1'])
  })
})

describe('syncing', () => {
  const completing = (): GroupUnderTest => {
    const group = new GroupUnderTest()
    group.join('')
    group.join('')
    group.gather()
    return group
  }

  test('members wait for the leader, and each gets its share', () => {
    const group = completing()
    const follower = group.sync('member-2', { assignments: new Map() })
    assert.ok(group.isParked(follower))
    const leader = group.sync('member-1')
    assert.equal(group.syncAnswer(follower).assignment.toString(), 'to member-2')
    assert.equal(group.syncAnswer(leader).protocolName, 'range')
    assert.equal(group.phase, 'Stable')
    assert.ok(!group.timers.has('sync'))
    assert.equal(group.snapshot?.generationId, 1)
    assert.equal(group.snapshot?.members[1]?.assignment.toString(), 'to member-2')
  })

  test('a member that syncs late gets its share from the stable group', () => {
    const group = completing()
    group.sync('member-1')
    assert.ok(group.timers.has('sync'))
    const late = group.syncAnswer(group.sync('member-2'))
    assert.equal(late.assignment.toString(), 'to member-2')
    assert.ok(!group.timers.has('sync'))
  })

  test('a member without a share gets an empty one', () => {
    const group = completing()
    group.sync('member-1', { assignments: new Map() })
    assert.equal(group.syncAnswer(group.sync('member-2')).assignment.length, 0)
  })

  test('members that never sync are expelled', () => {
    const group = completing()
    group.sync('member-1')
    group.dispatch({ type: 'syncExpired', generationId: 1 })
    assert.deepEqual(group.memberIds, ['member-1'])
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('a sync timer of an older generation means nothing', () => {
    const group = completing()
    group.dispatch({ type: 'syncExpired', generationId: 0 })
    assert.equal(group.memberIds.length, 2)
  })

  test('errors come in the order in which Kafka checks', () => {
    const group = completing()
    const errorOf = (memberId: string, more = {}) =>
      group.syncAnswer(group.sync(memberId, more)).errorCode
    assert.equal(errorOf('stranger'), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(errorOf('member-1', { generationId: 7 }), ErrorCode.ILLEGAL_GENERATION)
    const inconsistent = ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert.equal(errorOf('member-1', { protocolName: 'sticky' }), inconsistent)
    assert.equal(errorOf('member-1', { protocolType: 'connect' }), inconsistent)
    group.join('')
    assert.equal(errorOf('member-1'), ErrorCode.REBALANCE_IN_PROGRESS)
  })

  test('a join while others sync sends them back to join', () => {
    const group = completing()
    const waiting = group.sync('member-2')
    group.join('')
    assert.equal(group.syncAnswer(waiting).errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(group.phase, 'PreparingRebalance')
  })
})

describe('living and leaving', () => {
  test('heartbeats renew the session and report rebalances', () => {
    const group = GroupUnderTest.stable(2)
    group.timers.clear()
    assert.equal(group.heartbeat('member-2'), ErrorCode.NONE)
    assert.equal(group.timers.get('session member-2'), 10_000)
    assert.equal(group.heartbeat('member-2', 0), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(group.heartbeat('stranger'), ErrorCode.UNKNOWN_MEMBER_ID)
    group.join('member-1')
    group.timers.clear()
    assert.equal(group.heartbeat('member-2'), ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(group.timers.get('session member-2'), 10_000)
  })

  test('a session that ends takes its member out and rebalances the others', () => {
    const group = GroupUnderTest.stable(2)
    group.dispatch({ type: 'sessionExpired', memberId: 'member-1' })
    assert.deepEqual(group.memberIds, ['member-2'])
    assert.equal(group.state.leaderId, 'member-2')
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('a member with a parked request does not lose its session', () => {
    const group = GroupUnderTest.stable(2)
    group.join('member-1')
    group.dispatch({ type: 'sessionExpired', memberId: 'member-1' })
    assert.deepEqual(group.memberIds, ['member-1', 'member-2'])
    group.dispatch({ type: 'sessionExpired', memberId: 'member-2' })
    assert.deepEqual(group.memberIds, ['member-1'])
    assert.equal(group.phase, 'CompletingRebalance')
  })

  test('commits keep a session alive', () => {
    const group = GroupUnderTest.stable(1)
    group.timers.clear()
    group.dispatch({ type: 'committed', memberId: 'member-1' })
    assert.equal(group.timers.get('session member-1'), 10_000)
  })

  test('leaving is judged member by member', () => {
    const group = GroupUnderTest.stable(3)
    const pending = group.joinAnswer(group.join('', { requiresKnownMemberId: true }))
    const codes = group.leave(
      { memberId: 'member-2', groupInstanceId: null },
      { memberId: 'stranger', groupInstanceId: null },
      { memberId: '', groupInstanceId: 'nobody' },
      { memberId: pending.memberId, groupInstanceId: null },
    )
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID
    assert.deepEqual(codes, [0, unknown, unknown, 0])
    assert.deepEqual(group.memberIds, ['member-1', 'member-3'])
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('a dead group responds with COORDINATOR_NOT_AVAILABLE', () => {
    const group = new GroupUnderTest()
    group.dispatch({ type: 'deleted' })
    const dead = ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert.equal(group.joinAnswer(group.join('')).errorCode, dead)
    assert.equal(group.syncAnswer(group.sync('a')).errorCode, dead)
    assert.equal(group.heartbeat('a'), dead)
  })
})

describe('static members', () => {
  const instance = { groupInstanceId: 'pod-1' }
  const stable = (): GroupUnderTest => {
    const group = new GroupUnderTest()
    group.join('', { ...instance, requiresKnownMemberId: true })
    group.join('')
    group.gather()
    for (const memberId of group.memberIds) {
      const isStatic = group.state.members.get(memberId)?.groupInstanceId === 'pod-1'
      group.sync(memberId, isStatic ? instance : {})
    }
    return group
  }

  test('join without the second step', () => {
    assert.equal(stable().phase, 'Stable')
  })

  test('a restarted one keeps its assignment without a rebalance', () => {
    const group = stable()
    const answer = group.joinAnswer(group.join('', instance))
    assert.equal(answer.generationId, 1)
    assert.equal(group.phase, 'Stable')
    assert.equal(answer.memberId, 'member-5')
    assert.equal(answer.leader, 'member-5')
    assert.equal(answer.skipAssignment, true)
    assert.equal(answer.members.length, 2)
    const share = group.syncAnswer(group.sync('member-5', { ...instance, assignments: new Map() }))
    assert.equal(share.assignment.toString(), 'to member-1')
    assert.ok(group.snapshot?.members.some(({ memberId }) => memberId === 'member-5'))
  })

  test('an older client that leads gets another leader in the response', () => {
    const group = stable()
    const more = { ...instance, supportsSkippingAssignment: false }
    const answer = group.joinAnswer(group.join('', more))
    assert.equal(answer.leader, 'member-1')
    assert.deepEqual(answer.members, [])
    assert.equal(answer.skipAssignment, false)
  })

  test('the one that was replaced is fenced everywhere', () => {
    const group = stable()
    group.join('', instance)
    const fenced = ErrorCode.FENCED_INSTANCE_ID
    assert.equal(group.joinAnswer(group.join('member-1', instance)).errorCode, fenced)
    assert.equal(group.syncAnswer(group.sync('member-1', instance)).errorCode, fenced)
    assert.deepEqual(group.leave({ memberId: 'member-1', ...instance }), [fenced])
    const identity = { memberId: 'member-1', generationId: 1, ...instance }
    assert.equal(commitError(group.state, identity), fenced)
  })

  test('a request of the old one that is parked is fenced when the new one comes', () => {
    const group = stable()
    group.join('')
    const old = group.join('member-1', instance)
    assert.ok(group.isParked(old))
    group.join('', instance)
    assert.equal(group.joinAnswer(old).errorCode, ErrorCode.FENCED_INSTANCE_ID)
    assert.equal(group.phase, 'PreparingRebalance')
  })

  test('a replacement that changes the protocol rebalances', () => {
    const group = new GroupUnderTest()
    group.join('', { ...instance, protocols: protocolsOf('a', 'b') })
    group.gather()
    group.sync('member-1', instance)
    group.join('', { ...instance, protocols: protocolsOf('b') })
    assert.equal(group.phase, 'CompletingRebalance')
    assert.equal(group.state.generationId, 2)
    assert.equal(group.state.protocolName, 'b')
  })

  test('absent ones keep their place through a rebalance until their session ends', () => {
    const group = stable()
    const join = group.join('member-2', { protocols: protocolsOf('range') })
    group.dispatch({ type: 'joinExpired' })
    assert.deepEqual(group.memberIds, ['member-1', 'member-2'])
    assert.equal(group.joinAnswer(join).leader, 'member-2')
    assert.equal(group.timers.get('session member-1'), 10_000)
  })

  test('a rebalance with only absent members lasts until their sessions end', () => {
    const group = stable()
    group.leave({ memberId: 'member-2', groupInstanceId: null })
    group.dispatch({ type: 'joinExpired' })
    assert.equal(group.phase, 'PreparingRebalance')
    assert.equal(group.timers.get('join'), 60_000)
    group.dispatch({ type: 'sessionExpired', memberId: 'member-1' })
    assert.equal(group.phase, 'Empty')
  })

  test('an administrator removes one by its instance id', () => {
    const group = stable()
    assert.deepEqual(group.leave({ memberId: '', groupInstanceId: 'pod-1' }), [0])
    assert.deepEqual(group.memberIds, ['member-2'])
  })
})

describe('what survives the coordinator', () => {
  test('the generation as the leader synced it, with fresh sessions', () => {
    const group = GroupUnderTest.stable(2)
    group.reload()
    assert.equal(group.phase, 'Stable')
    assert.equal(group.timers.get('session member-2'), 10_000)
    assert.equal(group.heartbeat('member-2'), ErrorCode.NONE)
  })

  test('a rebalance under way does not: its generation is taken back', () => {
    const group = GroupUnderTest.stable(1)
    const newcomer = group.join('')
    group.join('member-1')
    assert.equal(group.joinAnswer(newcomer).generationId, 2)
    group.reload()
    assert.equal(group.state.generationId, 1)
    assert.deepEqual(group.memberIds, ['member-1'])
    assert.equal(group.heartbeat('member-1', 2), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(group.heartbeat('member-3', 2), ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('parked requests get an error when their coordinator resigns', () => {
    const group = GroupUnderTest.stable(2)
    const join = group.join('member-1')
    group.dispatch({ type: 'unloaded', errorCode: ErrorCode.NOT_COORDINATOR })
    assert.equal(group.joinAnswer(join).errorCode, ErrorCode.NOT_COORDINATOR)
  })
})

describe('commits', () => {
  const identity = { memberId: '', groupInstanceId: null, generationId: -1 }

  test('without a member need an empty group', () => {
    assert.equal(commitError(new GroupUnderTest().state, identity), ErrorCode.NONE)
    const group = GroupUnderTest.stable(1)
    assert.equal(commitError(group.state, identity), ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('of members need the current generation, and a group that is not completing', () => {
    const group = GroupUnderTest.stable(1)
    const codeOf = (memberId: string, generationId: number) =>
      commitError(group.state, { ...identity, memberId, generationId })
    assert.equal(codeOf('member-1', 1), ErrorCode.NONE)
    assert.equal(codeOf('member-1', 0), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(codeOf('stranger', 1), ErrorCode.UNKNOWN_MEMBER_ID)
    group.join('')
    assert.equal(group.phase, 'PreparingRebalance')
    assert.equal(codeOf('member-1', 1), ErrorCode.NONE)
    group.join('member-1')
    assert.equal(group.phase, 'CompletingRebalance')
    assert.equal(codeOf('member-1', 2), ErrorCode.REBALANCE_IN_PROGRESS)
    group.dispatch({ type: 'deleted' })
    assert.equal(codeOf('member-1', 2), ErrorCode.COORDINATOR_NOT_AVAILABLE)
  })
})
