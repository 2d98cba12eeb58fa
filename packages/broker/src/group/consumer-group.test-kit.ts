/** Drives a consumer group's machine in tests, with members that behave like clients. */

import { ErrorCode } from '@odradek/protocol'
import type { PartitionKey } from '../cluster/topic-partitions.ts'
import { imageOf, type TopicsImage } from '../cluster/topics-image.ts'
import type { JoinAnswer, SyncAnswer } from './classic-group.ts'
import { transition } from './consumer-group.machine.ts'
import {
  type Effect,
  EMPTY_CONSUMER_GROUP,
  type Event,
  type HeartbeatEvent,
  type JoinEvent,
  type Limits,
  type Member,
  type State,
} from './consumer-group.ts'
import type { HeartbeatAnswer } from './heartbeat-answer.ts'

export const LIMITS: Limits = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5000,
  assignmentIntervalMs: 0,
  maxSize: 100,
  migrationPolicy: 'bidirectional',
}

export class ConsumerGroupUnderTest {
  state: State = EMPTY_CONSUMER_GROUP
  now = 0
  effects: readonly Effect[] = []
  /** The timers that are set, by name and member, with the event of each. */
  readonly timers = new Map<string, { readonly event: Event; readonly afterMs: number }>()
  readonly limits: Limits
  readonly #sizes = new Map<string, number>()
  #version = 0

  /** Topics by name; a topic's id is `id-` and its name. */
  constructor(topics: Readonly<Record<string, number>> = {}, limits: Partial<Limits> = {}) {
    this.limits = { ...LIMITS, ...limits }
    for (const [name, partitions] of Object.entries(topics)) this.topic(name, partitions)
  }

  /** Creates a topic, gives it more partitions, or with 0 deletes it. */
  topic(name: string, partitions: number): void {
    if (partitions === 0) this.#sizes.delete(name)
    else this.#sizes.set(name, partitions)
    this.#version++
  }

  get topics(): TopicsImage {
    const topics = [...this.#sizes].map(([name, partitions]) => ({
      name,
      id: `id-${name}`,
      partitions,
    }))
    return imageOf(topics, this.#version)
  }

  dispatch(event: Event): readonly Effect[] {
    const { limits, topics, now } = this
    const step = transition(this.state, event, { groupId: 'group', limits, topics, now })
    this.state = step.state
    this.effects = step.effects
    for (const effect of step.effects) {
      if (effect.do === 'clearTimer') this.timers.delete(nameOf(effect.timer))
      if (effect.do !== 'setTimer') continue
      const name = nameOf(effect.timer)
      if (effect.keep && this.timers.has(name)) continue
      this.timers.set(name, { event: expiryOf(effect.timer), afterMs: effect.afterMs })
    }
    return step.effects
  }

  heartbeat(memberId: string, more: Partial<HeartbeatEvent> = {}): HeartbeatAnswer {
    const effects = this.dispatch({
      type: 'heartbeat',
      memberId,
      newMemberId: 'made-up',
      memberEpoch: this.member(memberId)?.memberEpoch ?? 0,
      instanceId: null,
      rackId: null,
      clientId: 'client',
      clientHost: '/host',
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      owned: null,
      ...more,
    })
    const found = effects.find((effect) => effect.do === 'answerHeartbeat')
    if (found === undefined) throw new Error('no answer')
    return found.answer
  }

  join(memberId: string, topics: readonly string[], more: Partial<HeartbeatEvent> = {}) {
    return this.heartbeat(memberId, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: topics,
      owned: new Set(),
      ...more,
    })
  }

  classicJoin(memberId: string, metadata: Buffer, more: Partial<JoinEvent> = {}): JoinAnswer {
    const effects = this.dispatch({
      type: 'classicJoin',
      memberId,
      newMemberId: 'made-up',
      groupInstanceId: null,
      clientId: 'client',
      clientHost: '/host',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
      requiresKnownMemberId: false,
      supportsSkippingAssignment: true,
      ...more,
    })
    const found = effects.find((effect) => effect.do === 'answerJoin')
    if (found === undefined) throw new Error('no answer')
    return found.answer
  }

  classicSync(memberId: string, generationId: number): SyncAnswer {
    const effects = this.dispatch({
      type: 'classicSync',
      memberId,
      groupInstanceId: null,
      generationId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: new Map(),
    })
    const found = effects.find((effect) => effect.do === 'answerSync')
    if (found === undefined) throw new Error('no answer')
    return found.answer
  }

  classicHeartbeat(memberId: string, generationId: number): number {
    const effects = this.dispatch({
      type: 'classicHeartbeat',
      memberId,
      groupInstanceId: null,
      generationId,
    })
    return effects.find((effect) => effect.do === 'answerBeat')?.answer ?? -1
  }

  member(memberId: string): Member | undefined {
    return this.state.members.get(memberId)
  }

  /** Fires a timer; false if it is not set. */
  expire(name: string): boolean {
    const timer = this.timers.get(name)
    if (timer === undefined) return false
    this.timers.delete(name)
    this.dispatch(timer.event)
    return true
  }
}

/** A member that follows its assignment as a client does, one step per heartbeat. */
export class TestMember {
  readonly memberId: string
  readonly group: ConsumerGroupUnderTest
  readonly topics: readonly string[]
  readonly instanceId: string | null
  epoch = 0
  owned: ReadonlySet<PartitionKey> = new Set()
  /** Its assignment, until it has acknowledged it. */
  assigned: ReadonlySet<PartitionKey> = new Set()

  constructor(
    group: ConsumerGroupUnderTest,
    memberId: string,
    topics: readonly string[],
    instanceId: string | null = null,
  ) {
    this.group = group
    this.memberId = memberId
    this.topics = topics
    this.instanceId = instanceId
  }

  /** Adopts its assignment and acknowledges it. */
  beat(isAnswerLost = false): number {
    const { epoch, instanceId } = this
    this.owned = this.assigned
    const answer =
      epoch === 0
        ? this.group.join(this.memberId, this.topics, { instanceId })
        : this.group.heartbeat(this.memberId, {
            memberEpoch: epoch,
            instanceId,
            owned: this.owned,
            rebalanceTimeoutMs: 60_000,
            subscribedTopicNames: this.topics,
          })
    if (isAnswerLost) return answer.errorCode
    if (answer.errorCode !== ErrorCode.NONE) {
      this.lose()
      return answer.errorCode
    }
    this.epoch = answer.memberEpoch
    this.assigned = answer.assignment ?? this.assigned
    return answer.errorCode
  }

  lose(): void {
    this.epoch = 0
    this.owned = new Set()
    this.assigned = new Set()
  }
}

function nameOf(timer: { readonly name: string; readonly memberId?: string }): string {
  return timer.memberId === undefined ? timer.name : `${timer.name} ${timer.memberId}`
}

function expiryOf(timer: Extract<Effect, { do: 'setTimer' }>['timer']): Event {
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
