/**
 * Builds one step of a group: the state is mutable while an event is handled and is sealed when the
 * step is done, so the machine reads like Kafka's coordinator and is still a function from state
 * and event to state and effects.
 */
import { ErrorCode } from '@odradek/protocol'
import {
  type Effect,
  type JoinAnswer,
  type Member,
  type MemberIdentity,
  type Phase,
  type Protocol,
  refusedJoin,
  type Snapshot,
  type State,
  type Step,
  type SyncAnswer,
} from './classic-group.ts'
import { protocolsOfAll, selectProtocol } from './protocol-vote.ts'

const NO_BYTES = Buffer.alloc(0)
const NOT_PARKED = { for: 'nothing' } as const

export class GroupBuilder {
  phase: Phase
  generationId: number
  protocolType: string | null
  protocolName: string | null
  leaderId: string | null
  readonly effects: Effect[] = []
  readonly #members: Map<string, Member>
  readonly #pendingMembers: Set<string>

  constructor(state: State) {
    this.phase = state.phase
    this.generationId = state.generationId
    this.protocolType = state.protocolType
    this.protocolName = state.protocolName
    this.leaderId = state.leaderId
    this.#members = new Map(state.members)
    this.#pendingMembers = new Set(state.pendingMembers)
  }

  seal(): Step {
    const { phase, generationId, protocolType, protocolName, leaderId, effects } = this
    return {
      state: {
        phase,
        members: this.#members,
        pendingMembers: this.#pendingMembers,
        generationId,
        protocolType,
        protocolName,
        leaderId,
      },
      effects,
    }
  }

  get size(): number {
    return this.#members.size
  }

  get pendingCount(): number {
    return this.#pendingMembers.size
  }

  /** A copy: members may be removed while it is walked. */
  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.#members.values()) {
      longest = Math.max(longest, member.rebalanceTimeoutMs)
    }
    return longest
  }

  get awaitingJoinCount(): number {
    let count = 0
    for (const member of this.#members.values()) if (member.parked.for === 'join') count++
    return count
  }

  member(memberId: string): Member | undefined {
    return this.#members.get(memberId)
  }

  isPending(memberId: string): boolean {
    return this.#pendingMembers.has(memberId)
  }

  staticMember(groupInstanceId: string): Member | undefined {
    for (const member of this.#members.values()) {
      if (member.groupInstanceId === groupInstanceId) return member
    }
    return undefined
  }

  addPending(memberId: string): void {
    this.#pendingMembers.add(memberId)
  }

  removePending(memberId: string): void {
    this.#pendingMembers.delete(memberId)
    this.effects.push({ do: 'clearTimer', timer: { name: 'session', memberId } })
  }

  add(member: Member): void {
    this.#pendingMembers.delete(member.memberId)
    this.#members.set(member.memberId, member)
    this.leaderId ??= member.memberId
  }

  update(memberId: string, change: Partial<Member>): void {
    const member = this.#members.get(memberId)
    if (member !== undefined) this.#members.set(memberId, { ...member, ...change })
  }

  /** Removes a member; its parked requests got their responses before. */
  remove(memberId: string): void {
    this.#members.delete(memberId)
    if (this.leaderId === memberId) this.leaderId = this.#members.keys().next().value ?? null
    this.pendingSync((pending) => pending.delete(memberId))
    this.effects.push({ do: 'clearTimer', timer: { name: 'session', memberId } })
  }

  /** Changes the set of members that must still sync, in the phases that have one. */
  pendingSync(change: (pending: Set<string>) => void): void {
    const { phase } = this
    if (phase.name !== 'CompletingRebalance' && phase.name !== 'Stable') return
    const pendingSync = new Set(phase.pendingSync)
    change(pendingSync)
    this.phase = { ...phase, pendingSync }
  }

  session(member: Member, afterMs = member.sessionTimeoutMs): void {
    const { memberId } = member
    this.effects.push({ do: 'setTimer', timer: { name: 'session', memberId }, afterMs })
  }

  supportsProtocols(protocolType: string, protocols: readonly Protocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    if (this.size === 0) return true
    if (protocolType !== this.protocolType) return false
    const common = protocolsOfAll(this.#members.values())
    return protocols.some((protocol) => common.has(protocol.name))
  }

  vote(): string | null {
    return selectProtocol(this.members)
  }

  /** The error for a request in the name of a member; 0 for the member itself. */
  validate({ memberId, groupInstanceId }: MemberIdentity): number {
    if (groupInstanceId !== null) {
      const known = this.staticMember(groupInstanceId)
      if (known === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      if (known.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID
    }
    return this.#members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
  }

  /** The members with the metadata of the chosen protocol: what a leader assigns from. */
  roster(): JoinAnswer['members'] {
    return this.members.map(({ memberId, groupInstanceId, protocols }) => ({
      memberId,
      groupInstanceId,
      metadata:
        protocols.find((protocol) => protocol.name === this.protocolName)?.metadata ?? NO_BYTES,
    }))
  }

  answerJoin(request: number, answer: JoinAnswer): void {
    this.effects.push({ do: 'answerJoin', request, answer })
  }

  refuseJoin(request: number, errorCode: number, memberId: string): void {
    this.answerJoin(request, refusedJoin(errorCode, memberId))
  }

  /** The generation as it is, for one of its members. */
  generationFor(memberId: string): JoinAnswer {
    return {
      errorCode: ErrorCode.NONE,
      memberId,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leaderId ?? '',
      skipAssignment: false,
      members: this.leaderId === memberId ? this.roster() : [],
    }
  }

  answerSync(request: number, answer: Pick<SyncAnswer, 'errorCode' | 'assignment'>): void {
    const isFine = answer.errorCode === ErrorCode.NONE
    this.effects.push({
      do: 'answerSync',
      request,
      answer: {
        ...answer,
        protocolType: isFine ? this.protocolType : null,
        protocolName: isFine ? this.protocolName : null,
      },
    })
  }

  refuseSync(request: number, errorCode: number): void {
    this.answerSync(request, { errorCode, assignment: NO_BYTES })
  }

  /** Responds with an error to the parked request of a member, if there is one. */
  refuseParked(member: Member, errorCode: number): void {
    const { parked, memberId } = member
    if (parked.for === 'join') this.refuseJoin(parked.request, errorCode, memberId)
    if (parked.for === 'sync') this.refuseSync(parked.request, errorCode)
    this.update(memberId, { parked: NOT_PARKED })
  }

  persist(): void {
    const { generationId, protocolType, protocolName, leaderId } = this
    const members = this.members.map((member) => ({
      ...member,
      // Only the chosen protocol is stored.
      protocols: member.protocols.filter((protocol) => protocol.name === protocolName),
      parked: NOT_PARKED,
      isNew: false,
    }))
    const snapshot: Snapshot = { generationId, protocolType, protocolName, leaderId, members }
    this.effects.push({ do: 'persist', snapshot })
  }
}
