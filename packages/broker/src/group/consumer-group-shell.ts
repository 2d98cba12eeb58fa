/**
 * Carries out what the machine of one consumer group decides: keeps the timers, writes snapshots to
 * the store. Every request gets its response in the step that handles it.
 */

import { ErrorCode } from '@odradek/protocol'
import type { GroupView } from '../cluster/cluster-events.ts'
import type {
  HeartbeatEvent as ClassicHeartbeatEvent,
  JoinAnswer,
  JoinEvent,
  LeaveAnswer,
  LeaveEvent,
  SyncAnswer,
  SyncEvent,
} from './classic-group.ts'
import type { CommitIdentity } from './commit-check.ts'
import type { CommittedOffset } from './committed-offset.ts'
import { consumerFetchError, validateConsumerCommit } from './consumer-commit-check.ts'
import { transition } from './consumer-group.machine.ts'
import {
  type Effect,
  type Event,
  type HeartbeatEvent,
  type Limits,
  type State,
  type Surroundings,
  type Timer,
  wantedTopics,
} from './consumer-group.ts'
import { viewOfConsumerGroup } from './consumer-group-view.ts'
import type { AnyGroupShell, AssigningShellOptions, CommitValidation } from './group-shell.ts'
import type { StoredGroup } from './group-store.ts'
import type { HeartbeatAnswer } from './heartbeat-answer.ts'
import { KeyedTimers } from './keyed-timers.ts'

export interface ConsumerShellOptions extends AssigningShellOptions<State, Limits, Event['type']> {
  /** Whether commits are validated by the epochs of partitions (KIP-1251). */
  readonly commitsByAssignmentEpoch: boolean
  /** Only classic members are left. */
  readonly onDowngrade: (generationId: number) => void
}

type Unnumbered<E> = Omit<E, 'request' | 'type'>

/** The response that each effect carries. */
interface Answers {
  answerHeartbeat: HeartbeatAnswer
  answerJoin: JoinAnswer
  answerSync: SyncAnswer
  answerBeat: number
  answerLeave: LeaveAnswer
}

export class ConsumerGroupShell implements AnyGroupShell {
  readonly kind = 'consumer'
  state: State
  readonly stored: StoredGroup
  readonly #options: ConsumerShellOptions
  readonly #timers: KeyedTimers

  constructor(options: ConsumerShellOptions) {
    this.#options = options
    this.#timers = new KeyedTimers(options.environment)
    this.stored = options.stored
    this.state = options.state
    this.#dispatch({ type: 'loaded' })
  }

  get isEmpty(): boolean {
    return this.state.members.size === 0
  }

  /** The response that a heartbeat would get; nothing changes. */
  static dryRun(state: State, event: HeartbeatEvent, surroundings: Surroundings): HeartbeatAnswer {
    return answerOf('answerHeartbeat', transition(state, event, surroundings).effects)
  }

  consumerHeartbeat(event: HeartbeatEvent): HeartbeatAnswer {
    return this.#ask('answerHeartbeat', event)
  }

  join(event: Unnumbered<JoinEvent>): JoinAnswer {
    return this.#ask('answerJoin', { ...event, type: 'classicJoin' })
  }

  sync(event: Unnumbered<SyncEvent>): SyncAnswer {
    return this.#ask('answerSync', { ...event, type: 'classicSync' })
  }

  heartbeat(event: Unnumbered<ClassicHeartbeatEvent>): number {
    return this.#ask('answerBeat', { ...event, type: 'classicHeartbeat' })
  }

  leave(event: Unnumbered<LeaveEvent>): LeaveAnswer {
    return this.#ask('answerLeave', { ...event, type: 'classicLeave' })
  }

  validateCommit(identity: CommitIdentity, version: number): number | CommitValidation {
    const { commitsByAssignmentEpoch: byAssignmentEpoch } = this.#options
    return validateConsumerCommit(this.state, identity, { version, byAssignmentEpoch })
  }

  validateFetch(memberId: string | null, memberEpoch: number): number {
    return consumerFetchError(this.state, memberId, memberEpoch)
  }

  /** A commit does not count as a heartbeat here. */
  committed(): void {}

  retentionStart(topic: string, { committedAt }: CommittedOffset): number | undefined {
    return this.isSubscribed(topic) ? undefined : committedAt
  }

  isSubscribed(topic: string): boolean {
    const { members, resolved } = this.state
    return [...members.values()].some((member) => wantedTopics(member, resolved).has(topic))
  }

  view(): GroupView {
    return viewOfConsumerGroup(this.#options.groupId, this.state, this.#options.topics())
  }

  delete(): void {
    this.#dispatch({ type: 'deleted' })
    this.discard()
  }

  unload(_errorCode: number = ErrorCode.NOT_COORDINATOR): void {
    this.discard()
  }

  discard(): void {
    this.#timers.clearAll()
  }

  #ask<K extends keyof Answers>(kind: K, event: Event): Answers[K] {
    return answerOf(kind, this.#dispatch(event))
  }

  #dispatch(event: Event): readonly Effect[] {
    const { groupId, environment, limits, topics, onStep, onDowngrade } = this.#options
    const before = this.state
    const now = environment.clock.monotonic()
    const step = transition(before, event, {
      groupId,
      limits: limits(),
      topics: topics(),
      now,
    })
    this.state = step.state
    for (const effect of step.effects) this.#run(effect)
    onStep(before, step.state, event.type)
    const downgrade = step.effects.find((effect) => effect.do === 'downgrade')
    if (downgrade !== undefined) onDowngrade(downgrade.generationId)
    return step.effects
  }

  #run(effect: Effect): void {
    if (effect.do === 'persist') {
      this.stored.content = { kind: 'consumer', state: effect.snapshot }
    } else if (effect.do === 'setTimer') {
      const { timer, afterMs, keep } = effect
      if (keep && this.#timers.has(keyOf(timer))) return
      this.#timers.set(keyOf(timer), afterMs, () => void this.#dispatch(expiryOf(timer)))
    } else if (effect.do === 'clearTimer') this.#timers.clear(keyOf(effect.timer))
  }
}

/** Every request gets its response by one effect of its own kind. */
function answerOf<K extends keyof Answers>(kind: K, effects: readonly Effect[]): Answers[K] {
  const found = effects.find((effect) => effect.do === kind)
  if (found === undefined || !('answer' in found)) {
    throw new Error(`The group's machine returned no ${kind}.`)
  }
  // The effect of a kind carries the response of that kind.
  return found.answer as Answers[K]
}

function keyOf(timer: Timer): string {
  return timer.name === 'resolution' ? timer.name : `${timer.name} ${timer.memberId}`
}

function expiryOf(timer: Timer): Event {
  switch (timer.name) {
    case 'session':
      return { type: 'sessionExpired', memberId: timer.memberId }
    case 'rebalance':
      return { ...timer, type: 'rebalanceExpired' }
    case 'join':
      return { ...timer, type: 'joinExpired' }
    case 'sync':
      return { ...timer, type: 'syncExpired' }
    case 'resolution':
      return { type: 'resolutionDue' }
  }
}
