/** Drives a group's machine in tests: events in, responses and timers by name out. */
import { transition } from './classic-group.machine.ts'
import {
  type Effect,
  EMPTY_GROUP,
  type Event,
  type JoinAnswer,
  type JoinEvent,
  type Limits,
  restore,
  type Snapshot,
  type State,
  type SyncAnswer,
  type SyncEvent,
} from './classic-group.ts'

export const LIMITS: Limits = {
  initialRebalanceDelayMs: 0,
  newMemberJoinTimeoutMs: 300_000,
  maxSize: 100,
}

export class GroupUnderTest {
  state: State = EMPTY_GROUP
  snapshot: Snapshot | undefined
  readonly answers = new Map<number, unknown>()
  /** What is set, and for how long. */
  readonly timers = new Map<string, number>()
  readonly limits: Limits
  effects: readonly Effect[] = []
  #request = 0

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...LIMITS, ...limits }
  }

  dispatch(event: Event): void {
    const step = transition(this.state, event, this.limits)
    this.state = step.state
    this.effects = step.effects
    for (const effect of step.effects) {
      if (effect.do === 'setTimer') this.timers.set(nameOf(effect.timer), effect.afterMs)
      else if (effect.do === 'clearTimer') this.timers.delete(nameOf(effect.timer))
      else if (effect.do === 'persist') this.snapshot = effect.snapshot
      else {
        if (this.answers.has(effect.request)) throw new Error(`${effect.request} answered twice`)
        this.answers.set(effect.request, effect.answer)
      }
    }
  }

  get phase(): string {
    return this.state.phase.name
  }

  get memberIds(): readonly string[] {
    return [...this.state.members.keys()]
  }

  /** Sends a join; returns the number by which its response is found. */
  join(memberId: string, more: Partial<JoinEvent> = {}): number {
    const request = ++this.#request
    this.dispatch({
      type: 'join',
      request,
      memberId,
      newMemberId: `member-${request}`,
      groupInstanceId: null,
      clientId: 'client',
      clientHost: '/host',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
      requiresKnownMemberId: false,
      supportsSkippingAssignment: true,
      ...more,
    })
    return request
  }

  joinAnswer(request: number): JoinAnswer {
    const answer = this.answers.get(request)
    if (answer === undefined) throw new Error(`join ${request} is parked`)
    // Requests of `join` get join responses.
    return answer as JoinAnswer
  }

  sync(memberId: string, more: Partial<SyncEvent> = {}): number {
    const request = ++this.#request
    this.dispatch({
      type: 'sync',
      request,
      memberId,
      groupInstanceId: null,
      generationId: this.state.generationId,
      protocolType: 'consumer',
      protocolName: this.state.protocolName,
      assignments: new Map(this.memberIds.map((one) => [one, Buffer.from(`to ${one}`)])),
      ...more,
    })
    return request
  }

  syncAnswer(request: number): SyncAnswer {
    const answer = this.answers.get(request)
    if (answer === undefined) throw new Error(`sync ${request} is parked`)
    // As above, for `sync`.
    return answer as SyncAnswer
  }

  heartbeat(memberId: string, generationId = this.state.generationId): number {
    const request = ++this.#request
    this.dispatch({ type: 'heartbeat', request, memberId, groupInstanceId: null, generationId })
    return this.answers.get(request) as number
  }

  leave(...members: { memberId: string; groupInstanceId: string | null }[]): readonly number[] {
    const request = ++this.#request
    this.dispatch({ type: 'leave', request, members })
    const { members: answered } = this.answers.get(request) as {
      members: readonly { errorCode: number }[]
    }
    return answered.map(({ errorCode }) => errorCode)
  }

  isParked(request: number): boolean {
    return !this.answers.has(request)
  }

  /** Lets the initial rebalance delay pass, with all its extensions. */
  gather(): void {
    while (this.phase === 'PreparingRebalance') this.dispatch({ type: 'joinExpired' })
  }

  /** A stable group with this number of members, the first of which leads. */
  static stable(count: number, limits: Partial<Limits> = {}): GroupUnderTest {
    const group = new GroupUnderTest(limits)
    for (let index = 0; index < count; index++) group.join('')
    group.gather()
    for (const memberId of group.memberIds) group.sync(memberId)
    return group
  }

  /** What the next coordinator loads. */
  reload(): void {
    this.state = this.snapshot === undefined ? EMPTY_GROUP : restore(this.snapshot)
    this.timers.clear()
    this.dispatch({ type: 'loaded' })
  }
}

function nameOf(timer: { readonly name: string; readonly memberId?: string }): string {
  return timer.memberId === undefined ? timer.name : `${timer.name} ${timer.memberId}`
}
