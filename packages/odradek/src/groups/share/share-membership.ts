/**
 * A member of a share group: heartbeats, and partitions by name, decided by the machine of this
 * protocol in the shell that every membership has (`shell/member-shell.ts`).
 */
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
import type { AssignedPartition } from '../shell/membership.ts'
import type { Seat } from '../shell/heartbeat-handle.ts'
import { MemberShell } from '../shell/member-shell.ts'
import { refuseStrangeAssignment } from '../shell/refuse-strange-assignment.ts'
import type { StallReport } from '../../cluster/stall-reporter.ts'
import {
  type Effect,
  type Event,
  type ShareAssignment,
  type State,
  transition,
} from './membership-share.machine.ts'
import { explainShareFailure } from './share-reactions.ts'
import type { ShareIdentity } from './share-snapshots.ts'
import { idPartitionKey } from '../shell/membership.ts'
import { ShareSnapshots } from './share-snapshots.ts'

export interface ShareMembershipParts {
  readonly cluster: Cluster
  readonly identity: ShareIdentity
  readonly topics: readonly string[]
  readonly emitter: TypedEmitter<ClientEvents>
  readonly stalls: StallReport
  /** Beside the heartbeat thread, if there is one. */
  readonly seat?: Seat | undefined
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
  readonly #shell: MemberShell<State, Event, Effect>
  #assignment: ShareAssignment = new Map()
  #isAskingForNames = false
  #assigned: readonly AssignedPartition[] = []
  readonly #missing = new Set<string>()
  readonly #lines: ShareSnapshots

  constructor(parts: ShareMembershipParts) {
    this.#parts = parts
    const { cluster, topics, emitter, seat, identity } = parts
    const rackId = cluster.options.clientRack ?? null
    this.#lines = new ShareSnapshots(seat, { identity, subscribedTopicNames: topics, rackId })
    seat?.onTakenBack((memberEpoch) => this.#dispatch({ type: 'takenBack', memberEpoch }))
    const { retryBackoffMs, retryBackoffMaxMs } = cluster.options
    this.#shell = new MemberShell(cluster.environment, emitter, {
      initial: { name: 'unjoined', settings: { retryBackoffMs, retryBackoffMaxMs } },
      transition,
      perform: (effect) => this.#perform(effect),
      entered: () => this.#entered(),
      stepped: (state) => this.#lines.follow(state),
      leaveSettled: { type: 'leaveSettled' },
    })
    this.#releaseTopics = cluster.needTopics(topics)
    this.#stopListening = cluster.onMetadata(() => this.#resolve())
  }

  get assigned(): readonly AssignedPartition[] {
    return this.#assigned
  }

  /** Joins, for the first time or after `rest`. */
  start(): void {
    this.#dispatch({ type: 'started' })
  }

  /** Leaves the group until `start` is called again, because nothing reads. */
  rest(): void {
    this.#dispatch({ type: 'restRequested' })
  }

  /** How long the broker keeps a silent member, once its configuration is known. */
  set sessionTimeoutMs(timeoutMs: number) {
    this.#lines.sessionTimeoutMs = timeoutMs
    this.#lines.follow(this.#shell.state)
  }

  /** Whether the coordinator is likely to count us in. */
  isSessionAlive(): boolean {
    return this.#lines.isAlive(this.#parts.cluster.environment.clock.monotonic())
  }

  #dispatch(event: Event): void {
    // Whatever happens, it happens to whoever speaks for the member: that is us from here on.
    this.#parts.seat?.reclaim()
    this.#shell.dispatch(event)
  }

  /** Tells the group, if it may know us; settles when it is told, or cannot be. */
  leave(): Promise<void> {
    this.#parts.seat?.reclaim()
    const { clock } = this.#parts.cluster.environment
    const deadline = clock.monotonic() + FAREWELL_TIMEOUT_MS
    return this.#shell.leave({ type: 'leaveRequested' }, deadline)
  }

  #entered(): void {
    if (!this.#shell.isOver) return
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
      case 'pause': {
        const { ticket } = effect
        const at = cluster.environment.clock.monotonic() + Math.max(1, effect.delayMs)
        this.#shell.setTimer(at, () => this.#dispatch({ type: 'pauseOver', ticket }))
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
      case 'giveUp':
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
    const sent = this.#lines.sending(cluster.environment.clock)
    this.#request(memberEpoch, isFull ? full : {}).then(
      (answer) => {
        stalls.clear(what)
        this.#parts.onCounted()
        this.#lines.confirm(sent, answer.heartbeatIntervalMs)
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
        const chance = this.#shell.chance()
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
    if (answer.errorCode === 0) {
      refuseStrangeAssignment(answer.assignment, identity.groupId)
      return answer
    }
    throw new BrokerError(answer.errorCode, {
      action: `read as a member of share group "${identity.groupId}"`,
      brokerMessage: answer.errorMessage,
    })
  }

  /** The group hears of it, or notices by itself after a session timeout. */
  #farewell(): void {
    this.#request(LEAVING_EPOCH, {}, FAREWELL_TIMEOUT_MS)
      .catch(() => undefined)
      .finally(() => this.#shell.dispatch({ type: 'leaveSettled' }))
      .catch(() => undefined)
  }

  /** Names for the assigned ids, as far as they are known; for the others metadata is asked. */
  #resolve(): void {
    const { cluster, onAssigned } = this.#parts
    if (this.#shell.isOver) return
    const resolved: AssignedPartition[] = []
    let isComplete = true
    for (const [topicId, partitions] of this.#assignment) {
      const topic = cluster.metadata.namesById.get(topicId)
      if (topic === undefined) isComplete = false
      else for (const partition of partitions) resolved.push({ topic, topicId, partition })
    }
    this.#sayWhatIsMissing()
    const before = new Set(this.#assigned.map(idPartitionKey))
    const after = new Set(resolved.map(idPartitionKey))
    const added = resolved.filter((one) => !before.has(idPartitionKey(one)))
    const revoked = this.#assigned.filter((one) => !after.has(idPartitionKey(one)))
    if (added.length + revoked.length > 0) {
      this.#assigned = resolved
      this.#sayRebalanced(revoked)
      onAssigned(resolved)
    }
    if (!isComplete) this.#askForNames()
  }

  /** At the pace of metadata, until the names are there. */
  #askForNames(): void {
    if (this.#isAskingForNames) return
    this.#isAskingForNames = true
    const { cluster } = this.#parts
    cluster
      .refreshMetadata('assigned topics are not known')
      .catch(() => cluster.sleep(cluster.options.retryBackoffMs))
      .finally(() => {
        this.#isAskingForNames = false
        if (!cluster.isClosed) this.#resolve()
      })
      .catch(() => undefined)
  }

  #sayRebalanced(revoked: readonly AssignedPartition[]): void {
    const named = ({ topic, partition }: AssignedPartition) => ({ topic, partition })
    const { emitter, identity } = this.#parts
    const { state } = this.#shell
    emitter.emit('rebalanced', {
      ...identity,
      generationId: 'member' in state ? state.member.memberEpoch : 0,
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
        const operation = `reading topic "${topic}"`
        const error = new BrokerError(errorCode)
        emitter.emit('stalled', { operation, message: operation, error })
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
