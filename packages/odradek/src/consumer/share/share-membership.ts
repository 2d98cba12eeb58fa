/**
 * The shell around the membership machine of share groups: heartbeats, pauses, and partitions by
 * name. Every step goes through `#dispatch`, one at a time.
 */
import type { Timer } from '@odradek/environment'
import {
  BrokerError,
  KafkaError,
  type RequestInput,
  type ResponseOf,
  shareGroupHeartbeat,
} from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import { ConnectionError } from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { AssignedPartition } from '../group/membership.ts'
import type { StallReport } from '../stall-report.ts'
import {
  type Effect,
  type Event,
  type ShareAssignment,
  type State,
  transition,
} from './membership-share.machine.ts'
import { explainShareFailure } from './share-reactions.ts'
import type { ShareIdentity } from './share-requests.ts'
import { sharePartitionKey } from './share-session.ts'

export interface ShareMembershipParts {
  readonly cluster: Cluster
  readonly identity: ShareIdentity
  readonly topics: readonly string[]
  readonly emitter: TypedEmitter<ClientEvents>
  readonly stalls: StallReport
  /** The coordinator counts us in (again). */
  readonly onCounted: () => void
  /** These are read from now on, and only these. */
  readonly onAssigned: (partitions: readonly AssignedPartition[]) => void
  /** Membership is over for good. */
  readonly onFatal: (error: KafkaError) => void
}

export class ShareMembership {
  readonly #parts: ShareMembershipParts
  readonly #releaseTopics: () => void
  readonly #stopListening: () => void
  readonly #left: Promise<void>
  #resolveLeft: () => void = () => undefined
  #state: State
  #assignment: ShareAssignment = new Map()
  #assigned: readonly AssignedPartition[] = []
  #timer: Timer | undefined
  readonly #missing = new Set<string>()

  constructor(parts: ShareMembershipParts) {
    this.#parts = parts
    const { cluster, topics } = parts
    const { retryBackoffMs, retryBackoffMaxMs } = cluster.options
    this.#state = { name: 'unjoined', settings: { retryBackoffMs, retryBackoffMaxMs } }
    this.#releaseTopics = cluster.needTopics(topics)
    this.#stopListening = cluster.onMetadata(() => this.#resolve())
    this.#left = new Promise((resolve) => {
      this.#resolveLeft = resolve
    })
  }

  get assigned(): readonly AssignedPartition[] {
    return this.#assigned
  }

  start(): void {
    this.#dispatch({ type: 'started' })
  }

  /** Tells the group, if it may know us; settles when it is told, or cannot be. */
  async leave(): Promise<void> {
    this.#dispatch({ type: 'leaveRequested' })
    await this.#left
  }

  #dispatch(event: Event): void {
    const { state, effects } = transition(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
    if (state.name === 'left' || state.name === 'failed') this.#stop()
    if (state.name === 'left') this.#resolveLeft()
  }

  #stop(): void {
    this.#parts.cluster.environment.timers.clear(this.#timer)
    this.#stopListening()
    this.#releaseTopics()
  }

  #perform(effect: Effect): void {
    const { cluster, identity, emitter, onFatal } = this.#parts
    switch (effect.do) {
      case 'sendHeartbeat':
        this.#heartbeat(effect)
        return
      case 'sendLeave':
        this.#farewell()
        return
      case 'rest': {
        const { timers } = cluster.environment
        const { ticket } = effect
        timers.clear(this.#timer)
        this.#timer = timers.set(Math.max(1, effect.forMs), () =>
          this.#dispatch({ type: 'restOver', ticket }),
        )
        return
      }
      case 'assign':
        this.#assignment = effect.assignment
        this.#resolve()
        return
      case 'lose':
        emitter.emit('fenced', { ...identity, reason: effect.error.message })
        this.#assignment = new Map()
        this.#resolve()
        return
      case 'forgetCoordinator':
        cluster.forgetCoordinator('group', identity.groupId)
        return
      case 'fail':
        onFatal(explainShareFailure(effect.error, identity.groupId))
    }
  }

  #heartbeat({ ticket, memberEpoch, isFull }: Effect & { readonly do: 'sendHeartbeat' }): void {
    const { cluster, topics, identity, stalls } = this.#parts
    const full = { subscribedTopicNames: topics, rackId: cluster.options.clientRack ?? null }
    const what = `joining share group "${identity.groupId}"`
    this.#request(memberEpoch, isFull ? full : {}).then(
      (answer) => {
        stalls.clear(what)
        this.#parts.onCounted()
        this.#dispatch({
          type: 'answered',
          ticket,
          memberEpoch: answer.memberEpoch,
          heartbeatIntervalMs: answer.heartbeatIntervalMs,
          assignment: answer.assignment === null ? undefined : assignmentOf(answer.assignment),
        })
      },
      (reason: unknown) => {
        const error = reason instanceof KafkaError ? reason : unexpected(reason)
        stalls.note(what, error)
        const chance = cluster.environment.random.fraction()
        this.#dispatch({ type: 'refused', ticket, error, chance })
      },
    )
  }

  async #request(
    memberEpoch: number,
    fields: Partial<RequestInput<typeof shareGroupHeartbeat>>,
    timeoutMs?: number,
  ): Promise<ResponseOf<typeof shareGroupHeartbeat>> {
    const { cluster, identity } = this.#parts
    const body = { ...identity, memberEpoch, ...fields }
    const answer = await cluster.requestCoordinator(
      'group',
      identity.groupId,
      shareGroupHeartbeat,
      body,
      { purpose: 'heartbeat', timeoutMs },
    )
    if (answer.errorCode === 0) return answer
    throw new BrokerError(answer.errorCode, {
      action: `read as a member of share group "${identity.groupId}"`,
      brokerMessage: answer.errorMessage,
    })
  }

  /** The group hears of it, or notices by itself after a session timeout. */
  #farewell(): void {
    this.#parts.cluster.environment.timers.clear(this.#timer)
    this.#request(LEAVING_EPOCH, {}, FAREWELL_TIMEOUT_MS)
      .catch(() => undefined)
      .finally(() => this.#dispatch({ type: 'leaveSettled' }))
      .catch(() => undefined)
  }

  /** Names for the assigned ids, as far as they are known; for the others metadata is asked. */
  #resolve(): void {
    const { cluster, onAssigned } = this.#parts
    if (this.#state.name === 'left' || this.#state.name === 'failed') return
    const resolved: AssignedPartition[] = []
    let isComplete = true
    for (const [topicId, partitions] of this.#assignment) {
      const topic = cluster.metadata.namesById.get(topicId)
      if (topic === undefined) isComplete = false
      else for (const partition of partitions) resolved.push({ topic, topicId, partition })
    }
    this.#sayWhatIsMissing()
    const before = new Set(this.#assigned.map(sharePartitionKey))
    const after = new Set(resolved.map(sharePartitionKey))
    const added = resolved.filter((one) => !before.has(sharePartitionKey(one)))
    const revoked = this.#assigned.filter((one) => !after.has(sharePartitionKey(one)))
    if (added.length + revoked.length > 0) {
      this.#assigned = resolved
      this.#sayRebalanced(revoked)
      onAssigned(resolved)
    }
    if (!isComplete) {
      cluster.refreshMetadata('assigned topics are not known').catch(() => undefined)
    }
  }

  #sayRebalanced(revoked: readonly AssignedPartition[]): void {
    const named = ({ topic, partition }: AssignedPartition) => ({ topic, partition })
    const { emitter, identity } = this.#parts
    emitter.emit('rebalanced', {
      ...identity,
      generationId: 'member' in this.#state ? this.#state.member.memberEpoch : 0,
      assigned: this.#assigned.map(named),
      revoked: revoked.map(named),
      lost: [],
    })
  }

  /** A topic that is not there is waited for, but not in silence. */
  #sayWhatIsMissing(): void {
    const { cluster, topics, emitter } = this.#parts
    for (const topic of topics) {
      const errorCode = cluster.metadata.topicErrors.get(topic)
      if (errorCode === undefined) this.#missing.delete(topic)
      else if (!this.#missing.has(topic)) {
        this.#missing.add(topic)
        const what = `reading topic "${topic}"`
        emitter.emit('stalled', { what, error: new BrokerError(errorCode) })
      }
    }
  }
}

const LEAVING_EPOCH = -1
const FAREWELL_TIMEOUT_MS = 2000

type AnsweredAssignment = NonNullable<ResponseOf<typeof shareGroupHeartbeat>['assignment']>

function assignmentOf({ topicPartitions }: AnsweredAssignment): ShareAssignment {
  return new Map(topicPartitions.map(({ topicId, partitions }) => [topicId, partitions]))
}

function unexpected(cause: unknown): KafkaError {
  return new ConnectionError('A heartbeat failed unexpectedly.', 'established', { cause })
}
