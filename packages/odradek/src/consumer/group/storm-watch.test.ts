import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSubscription } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import type { JoinAnswer } from './classic-requests.ts'
import { StormWatch } from './storm-watch.ts'

const STEP_MS = 15_000

/** A member that is in one generation after the other, and who is described meanwhile. */
class Story {
  readonly storms: ClientEvents['storm'][] = []
  now = 0
  generationId = 0
  describes = 0
  members: readonly string[] = ['a', 'b', 'c']
  isDescribable = true
  readonly #watch: StormWatch

  constructor() {
    const emitter = new TypedEmitter<ClientEvents>()
    emitter.on('storm', (storm) => this.storms.push(storm))
    const cluster = {
      environment: { clock: { monotonic: () => this.now } },
      requestCoordinator: async () => {
        this.describes++
        if (!this.isDescribable) throw new Error('not allowed')
        const members = this.members.map((memberId) => ({
          memberId,
          clientId: 'app',
          clientHost: '/10.0.0.7',
        }))
        return { groups: [{ groupId: 'g', members }] }
      },
    }
    // Of a cluster it takes the clock, and one request to the coordinator.
    this.#watch = new StormWatch(cluster as unknown as Cluster, { groupId: 'g', emitter })
  }

  async turn(isLeader: boolean, reason = 'the group rebalances'): Promise<void> {
    this.now += STEP_MS
    this.generationId++
    const metadata = encodeSubscription({ topics: ['orders'], userData: null, ownedPartitions: [] })
    const members = this.members.map((memberId) => ({
      memberId,
      groupInstanceId: null,
      metadata,
    }))
    const answer: Partial<JoinAnswer> = {
      memberId: 'a',
      leader: isLeader ? 'a' : 'b',
      generationId: this.generationId,
      members: isLeader ? members : [],
    }
    this.#watch.joined(answer as JoinAnswer, reason)
    this.#watch.synced([{ topic: 'orders', partition: 0 }], new Map())
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
}

test('a leader tells of a storm with its own reasons, and asks the coordinator once', async () => {
  const story = new Story()
  for (let i = 0; i < 9; i++) await story.turn(true, 'partitions were added: "orders"')
  assert.equal(story.storms.length, 1)
  const [storm] = story.storms
  assert.equal(storm?.groupId, 'g')
  assert.equal(storm.memberId, 'a')
  assert.equal(storm.isLeader, true)
  assert.equal(storm.suspects[0]?.kind, 'thisMember')
  assert.match(storm.suspects[0].evidence, /partitions were added/)
  assert.equal(story.describes, 1)
})

test('who does not lead compares the members that are described, minutes apart', async () => {
  const story = new Story()
  for (let i = 0; i < 7; i++) await story.turn(false)
  assert.equal(story.describes, 1)
  story.members = ['a', 'b', 'd']
  for (let i = 0; i < 6; i++) await story.turn(false)
  const [storm] = story.storms
  assert.equal(storm?.isLeader, false)
  assert.deepEqual(
    storm.suspects.map(({ kind }) => kind),
    ['comesAndGoes'],
  )
  assert.deepEqual(storm.suspects[0]?.memberIds, ['d'])
  assert.match(storm.suspects[0].evidence, /1 of 3 members came .*client id "app" at \/10\.0\.0\.7/)
  assert.equal(story.describes, 2)
})

test('a storm is told also when the members may not be described', async () => {
  const story = new Story()
  story.isDescribable = false
  for (let i = 0; i < 12; i++) await story.turn(false)
  assert.equal(story.storms.length, 1)
  assert.deepEqual(
    story.storms[0]?.suspects.map(({ kind }) => kind),
    ['unknown'],
  )
  // At most once a minute.
  assert.ok(story.describes <= 3, `${story.describes}`)
})
