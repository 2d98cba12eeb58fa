/**
 * A virtual world with one fake coordinator, a cluster's metadata that tests can change, and
 * members whose hooks write down what they hear, whatever protocol they speak. `owners()` checks at
 * any time that no partition has two.
 */
import { type VirtualProcess, VirtualWorld } from '@odradek/environment'
import type { AnyApi, KafkaError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { AssignedPartition, Membership, MembershipHandler } from './membership.ts'
import { type FakeBrokers, FakeCluster } from './fake-cluster.test-kit.ts'

/** What every machine's steps have in common. */
interface Step {
  readonly at: number
  readonly from: { readonly name: string }
  readonly event: { readonly type: string; readonly error?: KafkaError }
  readonly to: { readonly name: string }
  readonly effects: readonly { readonly do: string }[]
}

export abstract class FakeMembers<M extends FakeMember = FakeMember> implements FakeBrokers {
  readonly world: VirtualWorld
  readonly topics = new Map<string, number>()
  readonly hiddenTopics = new Set<string>()
  readonly members = new Map<string, M>()
  isUnreachable = false

  constructor(topics: Readonly<Record<string, number>>, seed: number) {
    this.world = new VirtualWorld({ seed })
    for (const [topic, count] of Object.entries(topics)) this.topics.set(topic, count)
  }

  abstract handle(api: AnyApi, body: object, answer: (body: object) => void): void

  handleAny(api: AnyApi, _body: object): object {
    throw new Error(`No ${api.name} here.`)
  }

  protected begin(name: string, member: M): M {
    this.members.set(name, member)
    member.membership.start()
    return member
  }

  async advance(durationMs: number): Promise<void> {
    await this.world.advance(durationMs)
    this.owners()
  }

  /** Who reads what right now; fails when a partition has two readers. */
  owners(): ReadonlyMap<string, string> {
    const owners = new Map<string, string>()
    for (const [name, { process, owned, membership }] of this.members) {
      // Whose session is over delivers nothing, even if its loop is too busy to say so.
      if (!process.isAlive || !membership.isSessionAlive()) continue
      for (const key of owned) {
        const other = owners.get(key)
        if (other !== undefined) throw new Error(`${key} is read by ${other} and by ${name}`)
        owners.set(key, name)
      }
    }
    return owners
  }
}

export abstract class FakeMember<S extends Step = Step> {
  abstract readonly membership: Membership
  readonly process: VirtualProcess
  readonly cluster: FakeCluster
  /** Partitions that the hooks gave and did not take away again. */
  readonly owned = new Set<string>()
  readonly heard: string[] = []
  readonly steps: S[] = []
  readonly emitter = new TypedEmitter<ClientEvents>()
  readonly rebalances: ClientEvents['rebalanced'][] = []
  readonly stalls: ClientEvents['stalled'][] = []
  readonly fences: ClientEvents['fenced'][] = []
  fatal: KafkaError | undefined
  /** How long each hook takes. */
  revokedMs = 0
  assignedMs = 0
  joiningMs = 0

  constructor(group: FakeMembers, name: string) {
    this.process = group.world.process(name)
    this.cluster = new FakeCluster(group, this.process)
    this.emitter.on('rebalanced', (event) => this.rebalances.push(event))
    this.emitter.on('stalled', (event) => this.stalls.push(event))
    this.emitter.on('fenced', (event) => this.fences.push(event))
    this.emitter.on('listenerError', ({ event, error }) => {
      this.heard.push(`error in ${event}: ${String(error)}`)
    })
  }

  protected get asCluster(): Cluster {
    return this.cluster as unknown as Cluster
  }

  protected handler(): MembershipHandler {
    const sleep = (ms: number): Promise<void> => this.cluster.sleep(ms)
    return {
      onAssigned: async (added) => {
        this.heard.push(`assigned ${namesOf(added)}`.trim())
        await sleep(this.assignedMs)
        for (const key of keysOf(added)) this.owned.add(key)
      },
      // Stops in time, and may come back later than that.
      onRevoked: async (partitions, deadline) => {
        this.heard.push(`revoked ${namesOf(partitions)}`)
        const leftMs = deadline - this.process.environment.clock.monotonic()
        await sleep(Math.min(this.revokedMs, leftMs))
        for (const key of keysOf(partitions)) this.owned.delete(key)
        await sleep(this.revokedMs - leftMs)
      },
      onLost: (partitions, reason) => {
        this.heard.push(`lost ${namesOf(partitions)}: ${reason}`)
        for (const key of keysOf(partitions)) this.owned.delete(key)
      },
      onJoining: async () => {
        this.heard.push('joining')
        await sleep(this.joiningMs)
      },
      onStable: () => {
        this.heard.push(`stable ${this.membership.stamp?.generationIdOrMemberEpoch}`)
      },
      onFatal: (error) => {
        this.heard.push(`fatal ${error.code}`)
        this.fatal = error
      },
    }
  }

  get stateName(): string {
    return this.steps.at(-1)?.to.name ?? 'unjoined'
  }

  /** What it heard of one kind. */
  told(word: string): readonly string[] {
    return this.heard.filter((line) => line.startsWith(word))
  }

  /** Forgets what was heard so far. */
  clear(): void {
    this.heard.length = 0
    this.steps.length = 0
  }

  leave(timeoutMs = 1000, group: 'leave' | 'remain' = 'leave'): Promise<void> {
    const deadline = this.process.environment.clock.monotonic() + timeoutMs
    return this.membership.leave({ group, reason: 'the test is over', deadline })
  }
}

/** How many partitions each has. */
export function sizes(...members: readonly FakeMember[]): readonly number[] {
  return members.map(({ owned }) => owned.size)
}

/** Three members that share six partitions, with nothing to say about it any more. */
export async function threeOf<M extends FakeMember>(
  group: FakeMembers<M> & { member(name: string): M },
): Promise<{ a: M; b: M; c: M }> {
  const [a, b, c] = [group.member('a'), group.member('b'), group.member('c')]
  await group.advance(8000)
  if (sizes(a, b, c).join() !== '2,2,2') throw new Error(`They have ${sizes(a, b, c).join()}.`)
  for (const member of [a, b, c]) member.clear()
  return { a, b, c }
}

function keysOf(partitions: readonly AssignedPartition[]): readonly string[] {
  return partitions.map(({ topic, partition }) => partitionKey(topic, partition))
}

function namesOf(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' ')
}
