/**
 * Builds one step of a consumer group, as `GroupBuilder` does for classic ones: the group is
 * mutable while an event is handled and is sealed when the step is done. Subscriptions, the target
 * assignment and each member's way to it are computed here; the handlers decide which requests are
 * allowed.
 */

import type { PartitionKey } from '../cluster/topic-partitions.ts'
import type { Subscriber } from './assignors/assignor.ts'
import { ASSIGNORS, preferredAssignor } from './assignors/assignors.ts'
import {
  type Effect,
  type Member,
  type State,
  type Step,
  type Surroundings,
  wantedTopics,
} from './consumer-group.ts'
import { reconcile } from './reconciliation.ts'
import { matchingTopics } from './topic-pattern.ts'

const NO_PARTITIONS: ReadonlySet<PartitionKey> = new Set()

export class ConsumerGroupBuilder {
  readonly surroundings: Surroundings
  readonly effects: Effect[] = []
  groupEpoch: number
  isDead: boolean
  readonly #before: State
  readonly #members: Map<string, Member>
  #assignmentEpoch: number
  #target: Map<string, ReadonlySet<PartitionKey>>
  #assignedAt: number
  #metadata: string
  #resolved: ReadonlyMap<string, readonly string[]>
  #resolvedVersion: number
  #topicsVersion: number

  constructor(state: State, surroundings: Surroundings) {
    this.surroundings = surroundings
    this.#before = state
    this.groupEpoch = state.groupEpoch
    this.isDead = state.isDead
    this.#members = new Map(state.members)
    this.#assignmentEpoch = state.assignmentEpoch
    this.#target = new Map(state.target)
    this.#assignedAt = state.assignedAt
    this.#metadata = state.metadata
    this.#resolved = state.resolved
    this.#resolvedVersion = state.resolvedVersion
    this.#topicsVersion = state.topicsVersion
  }

  /** The same state again if nothing was changed. */
  seal(): Step {
    const { effects, groupEpoch, isDead } = this
    const state: State = {
      members: this.#members,
      groupEpoch,
      assignmentEpoch: this.#assignmentEpoch,
      target: this.#target,
      assignedAt: this.#assignedAt,
      metadata: this.#metadata,
      resolved: this.#resolved,
      resolvedVersion: this.#resolvedVersion,
      topicsVersion: this.#topicsVersion,
      isDead,
    }
    if (isSame(this.#before, state)) return { state: this.#before, effects }
    effects.push({ do: 'persist', snapshot: state })
    return { state, effects }
  }

  get size(): number {
    return this.#members.size
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  get assignmentEpoch(): number {
    return this.#assignmentEpoch
  }

  member(memberId: string): Member | undefined {
    return this.#members.get(memberId)
  }

  staticMember(instanceId: string): Member | undefined {
    for (const member of this.#members.values()) {
      if (member.instanceId === instanceId) return member
    }
    return undefined
  }

  put(member: Member): void {
    this.#members.set(member.memberId, member)
  }

  /**
   * A static member has rejoined under another id: it replaces the old one and gets its partitions.
   */
  replace(old: Member, member: Member): void {
    const target = this.#target.get(old.memberId)
    this.#members.delete(old.memberId)
    this.#target.delete(old.memberId)
    this.clearTimers(old.memberId)
    this.put(member)
    if (target !== undefined) this.#target.set(member.memberId, target)
  }

  /** The group epoch grows; the target is recomputed at the next heartbeat of any member. */
  remove(memberId: string): void {
    this.#members.delete(memberId)
    this.#target.delete(memberId)
    this.clearTimers(memberId)
    this.#metadata = this.#subscribedMetadata()
    this.groupEpoch++
    // No member is left whose heartbeat would recompute the target.
    if (this.#members.size === 0) this.#assignmentEpoch = this.groupEpoch
  }

  /** Compares the topics again if they may have changed; a change makes a new group epoch. */
  refreshMetadata(hasNewSubscription: boolean): void {
    const { version } = this.surroundings.topics
    if (version === this.#topicsVersion && !hasNewSubscription) return
    this.#topicsVersion = version
    const metadata = this.#subscribedMetadata()
    if (metadata !== this.#metadata || hasNewSubscription) this.groupEpoch++
    this.#metadata = metadata
  }

  isResolved(pattern: string): boolean {
    return this.#resolved.has(pattern)
  }

  /** There are new patterns, or new topics. */
  get needsResolution(): boolean {
    const patterns = this.#patterns()
    if (patterns.length === 0) return false
    const isOld = this.#resolvedVersion !== this.surroundings.topics.version
    return isOld || patterns.some((pattern) => !this.#resolved.has(pattern))
  }

  /** Resolves all patterns by the current topics; true if that changed anything. */
  resolvePatterns(): boolean {
    const { byName, version } = this.surroundings.topics
    const before = this.#resolved
    const after = this.#patterns().map((pattern): [string, readonly string[]] => [
      pattern,
      matchingTopics(pattern, byName.keys()),
    ])
    this.#resolved = new Map(after)
    this.#resolvedVersion = version
    return after.some(([pattern, names]) => names.join() !== before.get(pattern)?.join())
  }

  /** Computes a new target, if the group epoch has grown and the interval allows it. */
  updateTarget(): void {
    if (this.groupEpoch <= this.#assignmentEpoch) return
    const { now, limits } = this.surroundings
    if (now - this.#assignedAt < limits.assignmentIntervalMs) return
    const assignor = ASSIGNORS.get(
      preferredAssignor(this.members.map((member) => member.serverAssignor)),
    )
    if (assignor === undefined) return
    this.#target = new Map(assignor(this.members.map((member) => this.#subscriberOf(member))))
    this.#assignmentEpoch = this.groupEpoch
    this.#assignedAt = now
  }

  /** Reconciles a member with its target; sets and clears the timer for its revocation. */
  reconcile(
    memberId: string,
    owned: ReadonlySet<PartitionKey> | null,
    hasNewSubscription: boolean,
  ): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    const next = reconcile(member, {
      assignmentEpoch: this.#assignmentEpoch,
      target: this.#target.get(memberId) ?? NO_PARTITIONS,
      resolved: this.#resolved,
      topics: this.surroundings.topics,
      owned,
      isHeldByOthers: (key) => this.isHeldByOthers(key, memberId),
      hasNewSubscription,
    })
    if (next === member) return
    this.put(next)
    if (next.classic !== null) return
    const timer = { name: 'rebalance', memberId, memberEpoch: next.memberEpoch } as const
    if (next.state !== 'UnrevokedPartitions') this.effects.push({ do: 'clearTimer', timer })
    else if (member.state !== 'UnrevokedPartitions') {
      const { rebalanceTimeoutMs } = next
      this.effects.push({ do: 'setTimer', timer, afterMs: rebalanceTimeoutMs, keep: false })
    }
  }

  isHeldByOthers(key: PartitionKey, memberId: string): boolean {
    for (const other of this.#members.values()) {
      if (other.memberId === memberId) continue
      if (other.assigned.has(key) || other.pendingRevocation.has(key)) return true
    }
    return false
  }

  targetOf(memberId: string): ReadonlySet<PartitionKey> {
    return this.#target.get(memberId) ?? NO_PARTITIONS
  }

  session(memberId: string, afterMs: number): void {
    const timer = { name: 'session', memberId } as const
    this.effects.push({ do: 'setTimer', timer, afterMs, keep: false })
  }

  clearTimers(memberId: string): void {
    for (const timer of [
      { name: 'session', memberId },
      { name: 'rebalance', memberId, memberEpoch: 0 },
      { name: 'join', memberId, groupEpoch: 0 },
      { name: 'sync', memberId, memberEpoch: 0 },
    ] as const) {
      this.effects.push({ do: 'clearTimer', timer })
    }
  }

  #patterns(): readonly string[] {
    const patterns = this.members.map((member) => member.subscribedTopicRegex)
    return [...new Set(patterns.filter((pattern) => pattern !== ''))]
  }

  #subscriberOf(member: Member): Subscriber {
    const { memberId, instanceId } = member
    const { byName } = this.surroundings.topics
    const topics = [...wantedTopics(member, this.#resolved)]
      .sort()
      .flatMap((name) => byName.get(name) ?? [])
    return { memberId, instanceId, topics, previous: this.targetOf(memberId) }
  }

  #subscribedMetadata(): string {
    const { byName } = this.surroundings.topics
    const names = new Set<string>()
    for (const member of this.#members.values()) {
      for (const name of wantedTopics(member, this.#resolved)) names.add(name)
    }
    return [...names]
      .sort()
      .flatMap((name) => byName.get(name) ?? [])
      .map(({ name, id, partitions }) => `${name} ${id} ${partitions}`)
      .join(', ')
  }
}

function isSame(one: State, other: State): boolean {
  return (
    one.groupEpoch === other.groupEpoch &&
    one.assignmentEpoch === other.assignmentEpoch &&
    one.metadata === other.metadata &&
    one.resolved === other.resolved &&
    one.topicsVersion === other.topicsVersion &&
    one.isDead === other.isDead &&
    one.members.size === other.members.size &&
    [...other.members].every(([memberId, member]) => one.members.get(memberId) === member)
  )
}
