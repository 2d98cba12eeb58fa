/**
 * A small coordinator of one classic group, in memory and in virtual time, with the quirks of
 * Kafka's own that members must live with: joins are parked until the group has gathered, syncs
 * until the leader handed in its plan, static members come back in place of themselves. Faults are
 * scripted: refuse, or swallow, the next so many requests of a kind.
 */
import type { Environment, Timer } from '@odradek/environment'
import {
  type AnyApi,
  ErrorCode,
  heartbeat,
  joinGroup,
  leaveGroup,
  type RequestInput,
  syncGroup,
} from '@odradek/protocol'

type JoinInput = RequestInput<typeof joinGroup>
type SyncInput = RequestInput<typeof syncGroup>
type HeartbeatInput = RequestInput<typeof heartbeat>
type LeaveInput = RequestInput<typeof leaveGroup>
type Answer = (body: object) => void

interface FakeMember {
  memberId: string
  readonly instanceId: string | null
  protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  answerJoin: Answer | undefined
  answerSync: Answer | undefined
  assignment: Uint8Array
  expiry: Timer | undefined
}

export interface LoggedRequest {
  readonly at: number
  readonly api: string
  readonly body: object
}

type Fault = (body: object) => number | 'swallow' | undefined

export class FakeCoordinator {
  readonly #environment: Environment
  readonly #members = new Map<string, FakeMember>()
  readonly #faults = new Map<string, Fault[]>()
  readonly log: LoggedRequest[] = []
  state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' = 'Empty'
  generationId = 0
  protocolName = ''
  /** Answers every request with this while it is set. */
  refusal: number | undefined
  descriptionRefusal: number | undefined
  /** Brokers before JoinGroup 9 hide from a leader that comes back that it leads. */
  hidesLeader = false
  #leaderId = ''
  #nextId = 1
  #gathering: Timer | undefined
  readonly #pendingIds = new Set<string>()

  constructor(environment: Environment) {
    this.#environment = environment
  }

  get memberIds(): readonly string[] {
    return [...this.#members.keys()]
  }

  get leaderId(): string {
    return this.#leaderId
  }

  /** Decides about the next so many requests of an API, which it may look at. */
  onNext(api: AnyApi, fault: number | 'swallow' | Fault, times = 1): void {
    const list = this.#faults.get(api.name) ?? []
    const decide = typeof fault === 'function' ? fault : () => fault
    for (let i = 0; i < times; i++) list.push(decide)
    this.#faults.set(api.name, list)
  }

  forgetFaults(): void {
    this.#faults.clear()
  }

  requests(api: AnyApi): readonly LoggedRequest[] {
    return this.log.filter((line) => line.api === api.name)
  }

  handle(api: AnyApi, body: object, answer: Answer): void {
    this.log.push({ at: this.#environment.clock.monotonic(), api: api.name, body })
    const fault = this.refusal ?? this.#faults.get(api.name)?.shift()?.(body)
    if (fault === 'swallow') return
    if (fault !== undefined) {
      answer(api === joinGroup ? joinRefusal(fault, '') : { errorCode: fault, members: [] })
      return
    }
    if (api === joinGroup) this.#join(body as JoinInput, answer)
    else if (api === syncGroup) this.#sync(body as SyncInput, answer)
    else if (api === heartbeat) this.#heartbeat(body as HeartbeatInput, answer)
    else if (api === leaveGroup) this.#leave(body as LeaveInput, answer)
    else throw new Error(`No ${api.name} here.`)
  }

  /** What DescribeGroups tells. */
  describe(): object {
    const members = [...this.#members.values()].map((member) => ({
      memberId: member.memberId,
      memberMetadata: this.#metadataOf(member),
      memberAssignment: member.assignment,
    }))
    return {
      errorCode: this.refusal ?? this.descriptionRefusal ?? 0,
      groupState: this.state,
      protocolType: 'consumer',
      protocolData: this.protocolName,
      members,
    }
  }

  #metadataOf({ protocols }: FakeMember): Uint8Array {
    return protocols.find(({ name }) => name === this.protocolName)?.metadata ?? NOTHING
  }

  /** As after a move to another broker that knows nothing of the group's members. */
  forgetMembers(): void {
    for (const id of [...this.#members.keys()]) this.#remove(id)
    this.state = 'Empty'
  }

  /** The broker asks everybody to rejoin, for whatever reason. */
  rebalance(): void {
    this.state = 'PreparingRebalance'
    for (const member of this.#members.values()) {
      member.answerSync?.({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS, assignment: NOTHING })
      member.answerSync = undefined
    }
    this.#environment.timers.clear(this.#gathering)
    const waitMs = Math.max(...[...this.#members.values()].map((one) => one.rebalanceTimeoutMs), 0)
    this.#gathering = this.#environment.timers.set(waitMs, () => this.#complete())
    this.#completeWhenGathered()
  }

  #join(body: JoinInput, answer: Answer): void {
    const instanceId = body.groupInstanceId ?? null
    if (body.memberId === '' && instanceId === null) {
      const memberId = `member-${String(this.#nextId++).padStart(2, '0')}`
      this.#pendingIds.add(memberId)
      answer(joinRefusal(ErrorCode.MEMBER_ID_REQUIRED, memberId))
      return
    }
    const twin = [...this.#members.values()].find(
      (one) => instanceId !== null && one.instanceId === instanceId,
    )
    if (body.memberId === '' && twin !== undefined) return this.#replace(twin, body, answer)
    const known = this.#members.get(body.memberId)
    const isNew = body.memberId === '' || this.#pendingIds.delete(body.memberId)
    if (known === undefined && !isNew) {
      const isFenced = twin !== undefined
      const code = isFenced ? ErrorCode.FENCED_INSTANCE_ID : ErrorCode.UNKNOWN_MEMBER_ID
      answer(joinRefusal(code, body.memberId))
      return
    }
    const usable = [...this.#members.values()].filter((one) => one !== known)
    const names = body.protocols.map(({ name }) => name)
    if (usable.some((one) => !one.protocols.some(({ name }) => names.includes(name)))) {
      answer(joinRefusal(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, body.memberId))
      return
    }
    const memberId = body.memberId === '' ? this.#staticId(instanceId) : body.memberId
    const member = known ?? this.#newMember(memberId, instanceId, body)
    member.protocols = body.protocols
    member.answerJoin = answer
    this.#members.set(member.memberId, member)
    this.#touch(member)
    if (this.state === 'PreparingRebalance') this.#completeWhenGathered()
    else this.rebalance()
  }

  #staticId(instanceId: string | null): string {
    return `${instanceId}-00000000-0000-0000-0000-${String(this.#nextId++).padStart(12, '0')}`
  }

  #newMember(memberId: string, instanceId: string | null, body: JoinInput): FakeMember {
    return {
      memberId,
      instanceId,
      protocols: body.protocols,
      sessionTimeoutMs: body.sessionTimeoutMs,
      rebalanceTimeoutMs: body.rebalanceTimeoutMs ?? body.sessionTimeoutMs,
      answerJoin: undefined,
      answerSync: undefined,
      assignment: NOTHING,
      expiry: undefined,
    }
  }

  /** A static member came back under the same instance id: no rebalance while stable. */
  #replace(twin: FakeMember, body: JoinInput, answer: Answer): void {
    const memberId = this.#staticId(twin.instanceId)
    this.#members.delete(twin.memberId)
    this.#environment.timers.clear(twin.expiry)
    twin.answerJoin?.(joinRefusal(ErrorCode.FENCED_INSTANCE_ID, twin.memberId))
    const formerLeader = this.#leaderId
    const wasLeader = formerLeader === twin.memberId
    const member: FakeMember = {
      ...twin,
      memberId,
      protocols: body.protocols,
      answerJoin: undefined,
    }
    this.#members.set(memberId, member)
    if (wasLeader) this.#leaderId = memberId
    this.#touch(member)
    if (this.state !== 'Stable') {
      member.answerJoin = answer
      if (this.state === 'PreparingRebalance') this.#completeWhenGathered()
      else this.rebalance()
      return
    }
    const told = this.#joinAnswer(member)
    if (!this.hidesLeader) answer({ ...told, skipAssignment: wasLeader })
    else answer({ ...told, leader: formerLeader, members: [] })
  }

  #completeWhenGathered(): void {
    const members = [...this.#members.values()]
    if (members.every((one) => one.answerJoin !== undefined)) {
      this.#environment.timers.clear(this.#gathering)
      // Kafka's initial delay, in small.
      this.#gathering = this.#environment.timers.set(20, () => this.#complete())
    }
  }

  #complete(): void {
    for (const member of [...this.#members.values()]) {
      if (member.answerJoin === undefined && member.instanceId === null) {
        this.#environment.timers.clear(member.expiry)
        this.#members.delete(member.memberId)
      }
    }
    if (this.#members.size === 0) {
      this.state = 'Empty'
      return
    }
    this.generationId++
    this.state = 'CompletingRebalance'
    if (!this.#members.has(this.#leaderId)) this.#leaderId = [...this.#members.keys()][0] ?? ''
    const [first] = this.#members.values()
    const all = [...this.#members.values()]
    this.protocolName =
      first?.protocols.find(({ name }) =>
        all.every((one) => one.protocols.some((protocol) => protocol.name === name)),
      )?.name ?? ''
    for (const member of all) {
      this.#touch(member)
      member.answerJoin?.(this.#joinAnswer(member))
      member.answerJoin = undefined
    }
  }

  #joinAnswer(member: FakeMember): object {
    const isLeader = member.memberId === this.#leaderId
    return {
      errorCode: 0,
      generationId: this.generationId,
      protocolType: 'consumer',
      protocolName: this.protocolName,
      leader: this.#leaderId,
      skipAssignment: false,
      memberId: member.memberId,
      members: !isLeader
        ? []
        : [...this.#members.values()].map((one) => ({
            memberId: one.memberId,
            groupInstanceId: one.instanceId,
            metadata: this.#metadataOf(one),
          })),
    }
  }

  #sync(body: SyncInput, answer: Answer): void {
    const member = this.#members.get(body.memberId)
    const errorCode = this.#check(member, body)
    if (member === undefined || errorCode !== 0) return answer({ errorCode, assignment: NOTHING })
    if (this.state === 'PreparingRebalance') {
      return answer({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS, assignment: NOTHING })
    }
    this.#touch(member)
    if (this.state === 'Stable') return answer(syncAnswer(member))
    member.answerSync = answer
    if (body.memberId !== this.#leaderId) return
    for (const { memberId, assignment } of body.assignments) {
      const owner = this.#members.get(memberId)
      if (owner !== undefined) owner.assignment = assignment
    }
    this.state = 'Stable'
    for (const one of this.#members.values()) {
      one.answerSync?.(syncAnswer(one))
      one.answerSync = undefined
    }
  }

  #heartbeat(body: HeartbeatInput, answer: Answer): void {
    const member = this.#members.get(body.memberId)
    const errorCode = this.#check(member, body)
    if (member !== undefined && errorCode === 0) this.#touch(member)
    const isGathering = errorCode === 0 && this.state === 'PreparingRebalance'
    answer({ errorCode: isGathering ? ErrorCode.REBALANCE_IN_PROGRESS : errorCode })
  }

  #check(
    member: FakeMember | undefined,
    body: { generationId: number; groupInstanceId?: string | null | undefined },
  ): number {
    if (member === undefined) {
      const isFenced = [...this.#members.values()].some(
        (one) => one.instanceId !== null && one.instanceId === body.groupInstanceId,
      )
      return isFenced ? ErrorCode.FENCED_INSTANCE_ID : ErrorCode.UNKNOWN_MEMBER_ID
    }
    return body.generationId === this.generationId ? 0 : ErrorCode.ILLEGAL_GENERATION
  }

  #leave(body: LeaveInput, answer: Answer): void {
    for (const { memberId } of body.members ?? []) this.#remove(memberId ?? '')
    answer({ errorCode: 0, members: [] })
  }

  #touch(member: FakeMember): void {
    const { timers } = this.#environment
    timers.clear(member.expiry)
    member.expiry = timers.set(member.sessionTimeoutMs, () => {
      if (member.answerJoin !== undefined) this.#touch(member)
      else this.#remove(member.memberId)
    })
  }

  #remove(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    this.#environment.timers.clear(member.expiry)
    member.answerJoin?.(joinRefusal(ErrorCode.UNKNOWN_MEMBER_ID, memberId))
    member.answerSync?.({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID, assignment: NOTHING })
    this.#members.delete(memberId)
    if (this.state === 'PreparingRebalance') this.#completeWhenGathered()
    else if (this.#members.size > 0) this.rebalance()
    else this.state = 'Empty'
  }
}

const NOTHING = Buffer.alloc(0)

function syncAnswer({ assignment }: FakeMember): object {
  return { errorCode: 0, protocolType: 'consumer', protocolName: null, assignment }
}

function joinRefusal(errorCode: number, memberId: string): object {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  }
}
