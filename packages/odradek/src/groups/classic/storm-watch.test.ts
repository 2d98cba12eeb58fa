import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@odradek/environment'
import { encodeSubscription } from '@odradek/protocol'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import type { JoinAnswer } from './classic-requests.ts'
import { StormWatch } from './storm-watch.ts'

const STEP_MS = 15_000

/** A member that joins one generation after the other. */
class Member {
  readonly storms: ClientEvents['rebalanceStorm'][] = []
  readonly #watch: StormWatch
  #now = 0
  #generationId = 0

  constructor() {
    const emitter = new TypedEmitter<ClientEvents>()
    emitter.on('rebalanceStorm', (storm) => this.storms.push(storm))
    const clock: Clock = { now: () => this.#now, monotonic: () => this.#now }
    this.#watch = new StormWatch(clock, { groupId: 'g', emitter })
  }

  join(isLeader: boolean, reason = 'the group rebalances'): void {
    this.#now += STEP_MS
    this.#generationId++
    const metadata = encodeSubscription({ topics: ['orders'], userData: null, ownedPartitions: [] })
    const members = ['a', 'b', 'c'].map((memberId) => ({
      memberId,
      groupInstanceId: null,
      metadata,
    }))
    const answer: Partial<JoinAnswer> = {
      memberId: 'a',
      leader: isLeader ? 'a' : 'b',
      generationId: this.#generationId,
      members: isLeader ? members : [],
    }
    this.#watch.joined(answer as JoinAnswer, reason)
    this.#watch.synced([{ topic: 'orders', partition: 0 }], new Map())
  }
}

test('a leader emits a storm with its group, its member id and its own reasons', () => {
  const member = new Member()
  for (let i = 0; i < 9; i++) member.join(true, 'partitions were added: "orders"')
  assert.equal(member.storms.length, 1)
  const [storm] = member.storms
  assert.equal(storm?.groupId, 'g')
  assert.equal(storm.memberId, 'a')
  assert.equal(storm.isLeader, true)
  assert.deepEqual(storm.ownReasons, ['partitions were added: "orders"'])
})

test('a member that does not lead emits a storm without the names of others', () => {
  const member = new Member()
  for (let i = 0; i < 13; i++) member.join(false)
  assert.equal(member.storms.length, 1)
  assert.equal(member.storms[0]?.isLeader, false)
  assert.deepEqual(member.storms[0].membersJoined, [])
  assert.deepEqual(member.storms[0].ownReasons, [])
})
