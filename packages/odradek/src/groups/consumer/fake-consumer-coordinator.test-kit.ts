/**
 * A small coordinator of one KIP-848 group, in memory and in virtual time, with the rules of
 * Kafka's own: a member keeps its epoch until it gave up what moves to others, nobody gets what
 * somebody still has, a heartbeat of the epoch before is taken only with everything in it, a static
 * member's place is refused to whoever comes before it was let go of. Faults are scripted: refuse,
 * or swallow (before or after it took effect), the next so many heartbeats.
 */
import type { Environment, Timer } from '@odradek/environment'
import { type consumerGroupHeartbeat, ErrorCode, type RequestInput } from '@odradek/protocol'

type Heartbeat = RequestInput<typeof consumerGroupHeartbeat>
type Answer = (body: object) => void

interface FakeMember {
  memberId: string
  readonly instanceId: string | null
  epoch: number
  previousEpoch: number
  topics: readonly string[]
  pattern: string
  rebalanceTimeoutMs: number
  assigned: Set<string>
  /** To be given up; the member keeps its epoch until it has said so. */
  pending: Set<string>
  /** What it was told to have. */
  told: string
  expiry: Timer | undefined
  revocation: Timer | undefined
}

export interface LoggedHeartbeat {
  readonly at: number
  readonly body: Heartbeat
  readonly errorCode: number | undefined
}

export type Fault = number | 'swallow' | 'swallowAnswer' | ((body: Heartbeat) => object)

export class FakeConsumerCoordinator {
  readonly #environment: Environment
  readonly #topics: ReadonlyMap<string, number>
  readonly #members = new Map<string, FakeMember>()
  readonly #faults: Fault[] = []
  readonly log: LoggedHeartbeat[] = []
  readonly sessionTimeoutMs: number
  heartbeatIntervalMs = 1000
  groupEpoch = 0
  /** Answers every heartbeat with this while it is set. */
  refusal: number | undefined
  #target = new Map<string, Set<string>>()

  constructor(
    environment: Environment,
    topics: ReadonlyMap<string, number>,
    sessionTimeoutMs: number,
  ) {
    this.#environment = environment
    this.#topics = topics
    this.sessionTimeoutMs = sessionTimeoutMs
  }

  get memberIds(): readonly string[] {
    return [...this.#members.keys()]
  }

  /** Decides about the next so many heartbeats. */
  onNext(fault: Fault, times = 1): void {
    for (let i = 0; i < times; i++) this.#faults.push(fault)
  }

  forgetFaults(): void {
    this.#faults.length = 0
  }

  handle(body: Heartbeat, answer: Answer): void {
    const at = this.#environment.clock.monotonic()
    const settle = (given: object): void => {
      const errorCode = (given as { errorCode?: number }).errorCode ?? 0
      this.log.push({ at, body, errorCode })
      answer({ ...NO_ANSWER, ...given })
    }
    const fault = this.refusal ?? this.#faults.shift()
    if (fault === 'swallow') return void this.log.push({ at, body, errorCode: undefined })
    if (typeof fault === 'number') return settle({ errorCode: fault })
    if (typeof fault === 'function') return settle(fault(body))
    const given = this.#heartbeat(body)
    if (fault === 'swallowAnswer') this.log.push({ at, body, errorCode: undefined })
    else settle(given)
  }

  /** As after a move to another broker that knows nothing of the group's members. */
  forgetMembers(): void {
    for (const member of [...this.#members.values()]) this.#remove(member)
  }

  /** The epoch goes on although nothing else does. */
  bump(): void {
    this.#plan()
  }

  /** Topics have come, gone or grown. */
  replan(): void {
    this.#plan()
  }

  #heartbeat(body: Heartbeat): object {
    const { memberEpoch } = body
    if (memberEpoch === -1 || memberEpoch === -2) return this.#leave(body)
    const instanceId = body.instanceId ?? null
    let member = this.#members.get(body.memberId)
    if (memberEpoch === 0) {
      const twin = [...this.#members.values()].find(
        (one) => instanceId !== null && one.instanceId === instanceId,
      )
      if (twin !== undefined && twin.epoch !== -2) {
        return { errorCode: ErrorCode.UNRELEASED_INSTANCE_ID }
      }
      if (body.topicPartitions?.length !== 0 || (body.rebalanceTimeoutMs ?? -1) < 0) {
        return { errorCode: ErrorCode.INVALID_REQUEST }
      }
      if (twin !== undefined) member = this.#replace(twin, body.memberId)
      member ??= this.#newMember(body.memberId, instanceId)
      member.told = 'nothing'
    }
    if (member === undefined) {
      const twin = [...this.#members.values()].find(
        (one) => instanceId !== null && one.instanceId === instanceId,
      )
      const isFenced = twin !== undefined
      return { errorCode: isFenced ? ErrorCode.FENCED_INSTANCE_ID : ErrorCode.UNKNOWN_MEMBER_ID }
    }
    const owned = body.topicPartitions === null ? undefined : keysOf(body.topicPartitions ?? [])
    const isSaid = body.topicPartitions !== null && body.topicPartitions !== undefined
    if (memberEpoch > 0 && memberEpoch !== member.epoch) {
      const isRepeated =
        memberEpoch === member.previousEpoch &&
        isSaid &&
        owned?.every((key) => member?.assigned.has(key)) === true
      if (!isRepeated) return { errorCode: ErrorCode.FENCED_MEMBER_EPOCH }
    }
    this.#touch(member)
    this.#subscribe(member, body)
    this.#reconcile(member, isSaid ? owned : undefined)
    const isFull = (body.rebalanceTimeoutMs ?? -1) >= 0 && isSaid
    const told = [...member.assigned].sort().join()
    const isNews = isFull || told !== member.told
    member.told = told
    return {
      memberId: member.memberId,
      memberEpoch: member.epoch,
      heartbeatIntervalMs: this.heartbeatIntervalMs,
      assignment: isNews ? { topicPartitions: byTopic(member.assigned) } : null,
    }
  }

  #newMember(memberId: string, instanceId: string | null): FakeMember {
    const member: FakeMember = {
      ...{ memberId, instanceId, epoch: 0, previousEpoch: -1, topics: [], pattern: '' },
      ...{ rebalanceTimeoutMs: 0, assigned: new Set(), pending: new Set(), told: 'nothing' },
      ...{ expiry: undefined, revocation: undefined },
    }
    this.#members.set(memberId, member)
    return member
  }

  #replace(twin: FakeMember, memberId: string): FakeMember {
    this.#members.delete(twin.memberId)
    const target = this.#target.get(twin.memberId) ?? new Set()
    this.#target.delete(twin.memberId)
    this.#target.set(memberId, target)
    this.#environment.timers.clear(twin.expiry)
    const member = { ...twin, memberId, epoch: 0, previousEpoch: -1 }
    this.#members.set(memberId, member)
    return member
  }

  #leave(body: Heartbeat): object {
    const { memberId, memberEpoch } = body
    const member = this.#members.get(memberId)
    if (member === undefined) {
      const isHeld = [...this.#members.values()].some(
        ({ instanceId }) => instanceId !== null && instanceId === body.instanceId,
      )
      return { errorCode: isHeld ? ErrorCode.FENCED_INSTANCE_ID : ErrorCode.UNKNOWN_MEMBER_ID }
    }
    if (memberEpoch === -2) {
      member.epoch = -2
      member.pending.clear()
    } else this.#remove(member)
    return { memberId, memberEpoch }
  }

  #subscribe(member: FakeMember, body: Heartbeat): void {
    if ((body.rebalanceTimeoutMs ?? -1) >= 0)
      member.rebalanceTimeoutMs = body.rebalanceTimeoutMs ?? 0
    const topics = body.subscribedTopicNames ?? member.topics
    const pattern = body.subscribedTopicRegex ?? member.pattern
    const isNew = !this.#target.has(member.memberId)
    const isSame = topics.join() === member.topics.join() && pattern === member.pattern
    member.topics = topics
    member.pattern = pattern
    if (isNew || !isSame) this.#plan()
  }

  /** Who should have what: as before as far as possible, evenly. */
  #plan(): void {
    this.groupEpoch++
    const members = [...this.#members.values()]
    const before = this.#target
    const target = new Map(members.map(({ memberId }) => [memberId, new Set<string>()]))
    const reads = ({ topics, pattern }: FakeMember, topic: string): boolean =>
      topics.includes(topic) || (pattern !== '' && new RegExp(`^(${pattern})$`).test(topic))
    const all = [...this.#topics].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({
        topic,
        key: `id-of-${topic}:${partition}`,
      })),
    )
    const quota = Math.ceil(all.length / Math.max(1, members.length))
    const isFree = new Set(all.map(({ key }) => key))
    for (const { topic, key } of all) {
      for (const member of members) {
        const mine = target.get(member.memberId) as Set<string>
        const keeps = before.get(member.memberId)?.has(key) === true && mine.size < quota
        if (keeps && reads(member, topic) && isFree.delete(key)) mine.add(key)
      }
    }
    for (const { topic, key } of all) {
      if (!isFree.has(key)) continue
      const [least] = members
        .filter((member) => reads(member, topic))
        .sort((a, b) => sizeOf(target, a) - sizeOf(target, b))
      if (least !== undefined) target.get(least.memberId)?.add(key)
    }
    this.#target = target
  }

  #reconcile(member: FakeMember, owned: readonly string[] | undefined): void {
    const { timers } = this.#environment
    if (member.pending.size > 0) {
      const hasGivenUp = owned?.every((key) => !member.pending.has(key)) === true
      if (!hasGivenUp) return
      member.pending = new Set()
      timers.clear(member.revocation)
    }
    const target = this.#target.get(member.memberId) ?? new Set()
    const pending = [...member.assigned].filter((key) => !target.has(key))
    member.assigned = new Set([...member.assigned].filter((key) => target.has(key)))
    if (pending.length > 0 && member.epoch > 0) {
      member.pending = new Set(pending)
      timers.clear(member.revocation)
      member.revocation = timers.set(member.rebalanceTimeoutMs, () => this.#remove(member))
      return
    }
    for (const key of target) if (!this.#isHeldByAnother(member, key)) member.assigned.add(key)
    if (member.epoch === this.groupEpoch) return
    member.previousEpoch = member.epoch
    member.epoch = this.groupEpoch
  }

  #isHeldByAnother(member: FakeMember, key: string): boolean {
    return [...this.#members.values()].some(
      (one) => one !== member && (one.assigned.has(key) || one.pending.has(key)),
    )
  }

  #touch(member: FakeMember): void {
    const { timers } = this.#environment
    timers.clear(member.expiry)
    member.expiry = timers.set(this.sessionTimeoutMs, () => this.#remove(member))
  }

  #remove(member: FakeMember): void {
    const { timers } = this.#environment
    timers.clear(member.expiry)
    timers.clear(member.revocation)
    if (this.#members.get(member.memberId) !== member) return
    this.#members.delete(member.memberId)
    this.#target.delete(member.memberId)
    this.#plan()
  }
}

const NO_ANSWER = {
  ...{ errorCode: 0, errorMessage: null, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0 },
  assignment: null,
}

function sizeOf(target: ReadonlyMap<string, Set<string>>, { memberId }: FakeMember): number {
  return target.get(memberId)?.size ?? 0
}

type Topics = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

function keysOf(topics: Topics): readonly string[] {
  return topics.flatMap(({ topicId, partitions }) => partitions.map((one) => `${topicId}:${one}`))
}

function byTopic(keys: ReadonlySet<string>): Topics {
  const topics = new Map<string, number[]>()
  for (const key of keys) {
    const [topicId, partition] = key.split(':') as [string, string]
    topics.set(topicId, [...(topics.get(topicId) ?? []), Number(partition)])
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}
