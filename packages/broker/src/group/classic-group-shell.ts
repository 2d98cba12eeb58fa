/**
 * Carries out what the machine of one group decides: keeps the timers and the parked requests,
 * writes snapshots to the store. A request whose connection has ended stays a member's request, as
 * in Kafka; its response is dropped.
 */
import type { Environment } from '@odradek/environment'
import { ErrorCode } from '@odradek/protocol'
import type { GroupView } from '../cluster/cluster-events.ts'
import { transition } from './classic-group.machine.ts'
import {
  type Effect,
  EMPTY_GROUP,
  type Event,
  type HeartbeatEvent,
  type JoinAnswer,
  type JoinEvent,
  type LeaveAnswer,
  type LeaveEvent,
  type Limits,
  restore,
  type State,
  type SyncAnswer,
  type SyncEvent,
  type Timer,
} from './classic-group.ts'
import { type CommitIdentity, commitError } from './commit-check.ts'
import type { CommittedOffset } from './committed-offset.ts'
import type { AnyGroupShell } from './group-shell.ts'
import type { StoredGroup } from './group-store.ts'
import { viewOf } from './group-view.ts'
import { KeyedTimers } from './keyed-timers.ts'
import { isSubscribed } from './subscribed-topics.ts'

export interface ShellOptions {
  readonly groupId: string
  readonly environment: Environment
  readonly limits: Limits
  readonly stored: StoredGroup
  /** The clock by which offsets expire. */
  readonly now: () => number
  /** The group has just been converted from a consumer group. */
  readonly isConverted: boolean
  /** Called after the effects of every step that changed something. */
  readonly onStep: (before: State, after: State, cause: Event['type']) => void
}

type Unnumbered<E> = Omit<E, 'request'>

export class ClassicGroupShell implements AnyGroupShell {
  readonly kind = 'classic'
  state: State
  readonly stored: StoredGroup
  readonly #options: ShellOptions
  readonly #timers: KeyedTimers
  readonly #parked = new Map<number, (answer: never) => void>()
  #nextRequest = 1

  constructor(options: ShellOptions) {
    this.#options = options
    this.#timers = new KeyedTimers(options.environment)
    this.stored = options.stored
    const { content } = options.stored
    this.state = content.kind === 'classic' ? restore(content.snapshot) : EMPTY_GROUP
    this.#dispatch({ type: options.isConverted ? 'converted' : 'loaded' })
  }

  get isEmpty(): boolean {
    return this.state.phase.name === 'Empty'
  }

  view(): GroupView {
    return viewOf(this.#options.groupId, this.state)
  }

  validateCommit(identity: CommitIdentity): number {
    return commitError(this.state, identity)
  }

  /** Classic members do not identify themselves when they fetch offsets. */
  validateFetch(): number {
    return ErrorCode.NONE
  }

  /**
   * Offsets of a group without members expire some time after the last one has left; in a group of
   * consumers with members, those of topics without a subscriber.
   */
  retentionStart(topic: string, { committedAt }: CommittedOffset): number | undefined {
    if (this.isEmpty) return this.stored.emptySince ?? committedAt
    const isStable = this.state.phase.name === 'Stable' && this.state.protocolType === 'consumer'
    return isStable && !this.isSubscribed(topic) ? committedAt : undefined
  }

  isSubscribed(topic: string): boolean {
    return isSubscribed(this.state, topic)
  }

  join(event: Unnumbered<JoinEvent>): JoinAnswer | Promise<JoinAnswer> {
    return this.#ask((request) => ({ ...event, request }))
  }

  sync(event: Unnumbered<SyncEvent>): SyncAnswer | Promise<SyncAnswer> {
    return this.#ask((request) => ({ ...event, request }))
  }

  heartbeat(event: Unnumbered<HeartbeatEvent>): number | Promise<number> {
    return this.#ask((request) => ({ ...event, request }))
  }

  leave(event: Unnumbered<LeaveEvent>): LeaveAnswer | Promise<LeaveAnswer> {
    return this.#ask((request) => ({ ...event, request }))
  }

  committed(memberId: string): void {
    this.#dispatch({ type: 'committed', memberId })
  }

  delete(): void {
    this.#dispatch({ type: 'deleted' })
    this.#timers.clearAll()
  }

  /** Another broker coordinates the group from now on (or none does). */
  unload(errorCode: number): void {
    this.#dispatch({ type: 'unloaded', errorCode })
    this.#timers.clearAll()
    this.#parked.clear()
  }

  /** The process has ended: no request gets a response. */
  discard(): void {
    this.#timers.clearAll()
    this.#parked.clear()
  }

  /** Numbers a request and returns its response, or a promise of it while the request is parked. */
  #ask<A extends object | number>(numbered: (request: number) => Event): A | Promise<A> {
    const request = this.#nextRequest++
    let answer: A | undefined
    let resolve: ((answer: A) => void) | undefined
    this.#parked.set(request, (given: A) => {
      if (resolve === undefined) answer = given
      else resolve(given)
    })
    this.#dispatch(numbered(request))
    if (answer !== undefined) return answer
    return new Promise((settle) => {
      resolve = settle
    })
  }

  #dispatch(event: Event): void {
    const before = this.state
    const step = transition(before, event, this.#options.limits)
    this.state = step.state
    if (!this.isEmpty) this.stored.emptySince = undefined
    else if (before.phase.name !== 'Empty') this.stored.emptySince = this.#options.now()
    for (const effect of step.effects) this.#run(effect)
    this.#options.onStep(before, step.state, event.type)
  }

  #run(effect: Effect): void {
    switch (effect.do) {
      case 'answerJoin':
      case 'answerSync':
      case 'answerHeartbeat':
      case 'answerLeave': {
        const answer = this.#parked.get(effect.request)
        this.#parked.delete(effect.request)
        // The machine responds to each request once, in its own kind.
        answer?.(effect.answer as never)
        break
      }
      case 'setTimer':
        this.#timers.set(keyOf(effect.timer), effect.afterMs, () =>
          this.#dispatch(expiryOf(effect.timer)),
        )
        break
      case 'clearTimer':
        this.#timers.clear(keyOf(effect.timer))
        break
      case 'persist':
        this.stored.content = { kind: 'classic', snapshot: effect.snapshot }
        break
    }
  }
}

function keyOf(timer: Timer): string {
  return timer.name === 'session' ? `session ${timer.memberId}` : timer.name
}

function expiryOf(timer: Timer): Event {
  switch (timer.name) {
    case 'session':
      return { type: 'sessionExpired', memberId: timer.memberId }
    case 'join':
      return { type: 'joinExpired' }
    case 'sync':
      return { type: 'syncExpired', generationId: timer.generationId }
  }
}
