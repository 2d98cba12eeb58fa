/**
 * The groups that one broker coordinates. A group is loaded when the broker is elected for it (the
 * sessions of its members start again then, so that dead members are removed) and unloaded when
 * another broker is. Requests for other groups get NOT_COORDINATOR. A group may change its kind:
 * when it is empty and a member of the other protocol joins, or with its members, when it migrates.
 */

import { ErrorCode } from '@odradek/protocol'
import type { BrokerContext } from '../cluster/broker-context.ts'
import type { GroupView } from '../cluster/cluster-events.ts'
import type { GroupService, OffsetDecision } from '../cluster/node-handle.ts'
import { ClassicGroupShell } from './classic-group-shell.ts'
import {
  type State as ConsumerState,
  EMPTY_CONSUMER_GROUP,
  type HeartbeatEvent,
  type Limits,
} from './consumer-group.ts'
import { ConsumerGroupShell } from './consumer-group-shell.ts'
import { isVisibleConsumerChange, viewOfConsumerGroup } from './consumer-group-view.ts'
import { CONSUMER_PROTOCOL } from './classic-members.ts'
import { fromClassic, toClassic } from './conversion.ts'
import { forgetOffsets } from './forget-offsets.ts'
import type { GroupShell } from './group-shells.ts'
import type { GroupContent, GroupStore } from './group-store.ts'
import { isVisibleChange, viewOf } from './group-view.ts'
import { type HeartbeatAnswer, refuse, refusedHeartbeat } from './heartbeat-answer.ts'
import {
  EMPTY_SHARE_GROUP,
  type HeartbeatEvent as ShareHeartbeatEvent,
  type State as ShareState,
} from './share-group.ts'
import { ShareGroupShell } from './share-group-shell.ts'
import { isVisibleShareChange, viewOfShareGroup } from './share-group-view.ts'

export type Located =
  | { readonly errorCode: 0; readonly group: GroupShell | undefined }
  | { readonly errorCode: number; readonly group?: undefined }

/** Called when the membership of a share group changes what its members have acquired. */
export interface ShareGroupHooks {
  /** A member has left, or was removed. */
  memberGone(groupId: string, memberId: string, isLast: boolean): void
  groupDeleted(groupId: string): void
}

export class GroupCoordinator implements GroupService {
  readonly #broker: BrokerContext
  readonly #store: GroupStore
  readonly #shareHooks: ShareGroupHooks
  readonly #groups = new Map<string, GroupShell>()
  readonly #loading = new Set<string>()
  #isWatching = false

  constructor(broker: BrokerContext, store: GroupStore, shareHooks: ShareGroupHooks) {
    this.#broker = broker
    this.#store = store
    this.#shareHooks = shareHooks
  }

  get groups(): ReadonlyMap<string, GroupShell> {
    return this.#groups
  }

  view(groupId: string): GroupView | undefined {
    return this.#groups.get(groupId)?.view()
  }

  /** This broker coordinates the group from now on; the group is ready once it is read. */
  elect(groupId: string): void {
    const { cluster } = this.#broker
    if (this.#groups.has(groupId) || this.#loading.has(groupId)) return
    if (this.#store.get(groupId) === undefined) return
    const { coordinatorLoadMs } = cluster.options
    if (coordinatorLoadMs === 0) {
      this.#load(groupId)
      return
    }
    this.#loading.add(groupId)
    this.#broker.later(coordinatorLoadMs, () => {
      if (this.#loading.delete(groupId)) this.#load(groupId)
    })
  }

  resign(groupId: string): void {
    this.#loading.delete(groupId)
    this.#groups.get(groupId)?.unload(ErrorCode.NOT_COORDINATOR)
    this.#groups.delete(groupId)
  }

  /** The broker stops: gracefully, parked requests get a response; else they are dropped. */
  close(isGraceful: boolean): void {
    this.#loading.clear()
    for (const group of this.#groups.values()) {
      if (isGraceful) group.unload(ErrorCode.NOT_COORDINATOR)
      else group.discard()
    }
    this.#groups.clear()
  }

  /** The group, if this broker coordinates it; undefined if it does not exist. */
  locate(groupId: string): Located {
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID }
    const coordinatorId = this.#broker.cluster.coordinators.coordinatorOf(groupId)
    if (coordinatorId !== this.#broker.nodeId) return { errorCode: ErrorCode.NOT_COORDINATOR }
    if (this.#loading.has(groupId)) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }
    return { errorCode: 0, group: this.#groups.get(groupId) }
  }

  /** Creates a group that `locate` did not find. */
  create(groupId: string): GroupShell {
    return this.#load(groupId)
  }

  /** For a classic member that is new: an empty group takes its protocol. */
  forClassicMember(groupId: string): GroupShell {
    const group = this.#groups.get(groupId)
    if (group !== undefined && !(group.kind === 'consumer' && group.isEmpty)) return group
    group?.discard()
    const stored = this.#store.getOrCreate(groupId)
    if (group !== undefined) stored.content = { kind: 'nothing' }
    return this.#install(groupId, this.#classic(groupId, false))
  }

  /** A heartbeat of KIP-848: it may create the group, or convert it. */
  consumerHeartbeat(groupId: string, event: HeartbeatEvent) {
    const group = this.#groups.get(groupId)
    if (group?.kind === 'consumer') return group.consumerHeartbeat(event)
    const state = this.#consumerStateOf(groupId, group, event)
    if (typeof state === 'string') {
      return refusedHeartbeat(refuse(ErrorCode.GROUP_ID_NOT_FOUND, state))
    }
    const { cluster, environment } = this.#broker
    const surroundings = {
      groupId,
      limits: this.#consumerLimits(groupId),
      topics: cluster.topics.image(),
      now: environment.clock.monotonic(),
    }
    // A refused request neither creates nor converts a group.
    const trial = ConsumerGroupShell.dryRun(state, event, surroundings)
    if (trial.errorCode !== ErrorCode.NONE) return trial
    group?.unload(ErrorCode.REBALANCE_IN_PROGRESS)
    this.#store.getOrCreate(groupId).content = { kind: 'consumer', state }
    const shell = this.#consumer(groupId, state)
    this.#groups.set(groupId, shell)
    return shell.consumerHeartbeat(event)
  }

  /** A heartbeat of a share group member: it may create the group. */
  shareHeartbeat(groupId: string, event: ShareHeartbeatEvent): HeartbeatAnswer {
    const group = this.#groups.get(groupId)
    if (group?.kind === 'share') return group.shareHeartbeat(event)
    if (group !== undefined || event.memberEpoch !== 0) {
      const message =
        group === undefined
          ? `Share group ${groupId} not found.`
          : `Group ${groupId} is not a share group.`
      return refusedHeartbeat(refuse(ErrorCode.GROUP_ID_NOT_FOUND, message))
    }
    return this.#installShare(groupId, EMPTY_SHARE_GROUP).shareHeartbeat(event)
  }

  /** Creates a share group without members, because its offsets are set before it exists. */
  createShare(groupId: string): void {
    this.#installShare(groupId, { ...EMPTY_SHARE_GROUP, groupEpoch: 1 })
  }

  #installShare(groupId: string, state: ShareState): ShareGroupShell {
    this.#store.getOrCreate(groupId).content = { kind: 'share', state }
    return this.#install(groupId, this.#share(groupId, state))
  }

  delete(groupId: string): void {
    if (this.#groups.get(groupId)?.kind === 'share') {
      this.#shareHooks.groupDeleted(groupId)
    }
    this.#groups.get(groupId)?.delete()
    this.#groups.delete(groupId)
    forgetOffsets(this.#broker.cluster, this.#store, { groupId, cause: 'groupDeleted' })
    this.#store.delete(groupId)
  }

  /**
   * A transaction has ended: the offsets that it committed are applied or dropped. False while this
   * broker cannot do it.
   */
  settleOffsets(groupId: string, decision: OffsetDecision): boolean {
    if (this.locate(groupId).errorCode !== ErrorCode.NONE) return false
    const { cluster, nodeId } = this.#broker
    const { producerId, type } = decision
    const settled = this.#store.get(groupId)?.settle(producerId, type === 'commit') ?? []
    if (settled.length > 0) this.watchOffsets()
    for (const { topic, partition, committed, author } of settled) {
      const { offset, leaderEpoch, metadata } = committed
      const topicId = cluster.topics.byName(topic)?.id ?? ''
      const what = { groupId, topic, topicId, partition, offset, leaderEpoch, metadata, producerId }
      cluster.events.emit('commit', { at: cluster.now(), nodeId, ...what, ...author })
    }
    return true
  }

  /** Removes expired offsets periodically, while there are offsets. */
  watchOffsets(): void {
    const { offsetsRetentionCheckIntervalMs } = this.#broker.cluster.options
    if (this.#isWatching) return
    this.#isWatching = true
    this.#broker.later(offsetsRetentionCheckIntervalMs, () => {
      this.#isWatching = false
      for (const [groupId, group] of [...this.#groups]) this.#expireOffsets(groupId, group)
      const hasOffsets = [...this.#groups.values()].some(({ stored }) => stored.offsets.size > 0)
      if (hasOffsets) this.watchOffsets()
    })
  }

  /** An empty group is deleted with the last of its offsets. */
  #expireOffsets(groupId: string, group: GroupShell): void {
    const { cluster } = this.#broker
    const { offsets, pending } = group.stored
    if (offsets.size === 0) return
    for (const [topic, partitions] of [...offsets]) {
      for (const [partition, committed] of [...partitions]) {
        const start = group.retentionStart(topic, committed)
        if (start === undefined || pending.has(topic, partition)) continue
        const end = committed.expiresAt ?? start + cluster.options.offsetsRetentionMs
        if (cluster.now() < end) continue
        forgetOffsets(cluster, this.#store, { groupId, cause: 'expired', topic, partition })
      }
    }
    if (group.isEmpty && offsets.size === 0 && pending.isEmpty) this.delete(groupId)
  }

  /** The state from which a member of KIP-848 may join; Kafka's message when it may not. */
  #consumerStateOf(
    groupId: string,
    group: GroupShell | undefined,
    { memberEpoch }: HeartbeatEvent,
  ): ConsumerState | string {
    if (group === undefined) {
      if (memberEpoch === 0) return EMPTY_CONSUMER_GROUP
      return `${memberEpoch < 0 ? 'Group' : 'Consumer group'} ${groupId} not found.`
    }
    const isOther = `Group ${groupId} is not a consumer group.`
    if (memberEpoch !== 0 || group.kind !== 'classic') return isOther
    if (group.isEmpty) return EMPTY_CONSUMER_GROUP
    const { migrationPolicy, maxSize } = this.#consumerLimits(groupId)
    const mayUpgrade = migrationPolicy === 'bidirectional' || migrationPolicy === 'upgrade'
    if (!mayUpgrade || group.state.members.size > maxSize) return isOther
    if (group.state.protocolType !== CONSUMER_PROTOCOL) return isOther
    const converted = fromClassic(group.state, this.#broker.cluster.topics.image())
    return (
      converted ??
      `Cannot upgrade classic group ${groupId} to consumer group because the embedded consumer ` +
        'protocol is malformed.'
    )
  }

  #read(groupId: string, content: GroupContent): GroupShell {
    switch (content.kind) {
      case 'consumer':
        return this.#consumer(groupId, content.state)
      case 'share':
        return this.#share(groupId, content.state)
      default:
        return this.#classic(groupId, false)
    }
  }

  #load(groupId: string): GroupShell {
    const { content, offsets } = this.#store.getOrCreate(groupId)
    if (offsets.size > 0) this.watchOffsets()
    return this.#install(groupId, this.#read(groupId, content))
  }

  #install<S extends GroupShell>(groupId: string, shell: S): S {
    this.#groups.set(groupId, shell)
    return shell
  }

  #classic(groupId: string, isConverted: boolean): ClassicGroupShell {
    const { cluster, environment } = this.#broker
    const { options } = cluster
    return new ClassicGroupShell({
      groupId,
      environment,
      stored: this.#store.getOrCreate(groupId),
      isConverted,
      now: () => cluster.now(),
      limits: {
        initialRebalanceDelayMs: options.groupInitialRebalanceDelayMs,
        newMemberJoinTimeoutMs: options.groupNewMemberJoinTimeoutMs,
        maxSize: options.groupMaxSize,
      },
      onStep: (before, after, cause) => {
        if (!this.#isHeard || (cause !== 'loaded' && !isVisibleChange(before, after))) return
        this.#emit(viewOf(groupId, after), cause)
      },
    })
  }

  #consumer(groupId: string, state: ConsumerState): ConsumerGroupShell {
    const { cluster, environment } = this.#broker
    const { commitsByAssignmentEpoch } = cluster.options
    return new ConsumerGroupShell({
      groupId,
      environment,
      stored: this.#store.getOrCreate(groupId),
      state,
      limits: () => this.#consumerLimits(groupId),
      topics: () => cluster.topics.image(),
      commitsByAssignmentEpoch,
      onStep: (before, after, cause) => {
        const isChange = cause === 'loaded' || isVisibleConsumerChange(before, after)
        if (!this.#isHeard || !isChange) return
        this.#emit(viewOfConsumerGroup(groupId, after, cluster.topics.image()), cause)
      },
      onDowngrade: (generationId) => this.#downgrade(groupId, generationId),
    })
  }

  #share(groupId: string, state: ShareState): ShareGroupShell {
    const { cluster, environment } = this.#broker
    const { groupConfigs, options } = cluster
    return new ShareGroupShell({
      groupId,
      environment,
      stored: this.#store.getOrCreate(groupId),
      state,
      limits: () => ({
        sessionTimeoutMs: groupConfigs.number(groupId, 'share.session.timeout.ms'),
        heartbeatIntervalMs: groupConfigs.number(groupId, 'share.heartbeat.interval.ms'),
        maxSize: options.groupShareMaxSize,
      }),
      topics: () => cluster.topics.image(),
      onStep: (before, after, cause) => {
        const isChange = cause === 'loaded' || isVisibleShareChange(before, after)
        if (!this.#isHeard || !isChange) return
        this.#emit(viewOfShareGroup(groupId, after, cluster.topics.image()), cause)
      },
      // Other brokers learn it when the member's connection to them ends, or its locks expire.
      onMemberGone: (memberId, isLast) => this.#shareHooks.memberGone(groupId, memberId, isLast),
    })
  }

  /** The last member of KIP-848 has left: the others rejoin as a classic group. */
  #downgrade(groupId: string, generationId: number): void {
    const { cluster } = this.#broker
    const group = this.#groups.get(groupId)
    if (group?.kind !== 'consumer') return
    group.discard()
    const snapshot = { ...toClassic(group.state, cluster.topics.image()), generationId }
    this.#store.getOrCreate(groupId).content = { kind: 'classic', snapshot }
    this.#install(groupId, this.#classic(groupId, true))
  }

  #consumerLimits(groupId: string): Limits {
    const { options, groupConfigs } = this.#broker.cluster
    return {
      sessionTimeoutMs: groupConfigs.number(groupId, 'consumer.session.timeout.ms'),
      heartbeatIntervalMs: groupConfigs.number(groupId, 'consumer.heartbeat.interval.ms'),
      assignmentIntervalMs: groupConfigs.number(groupId, 'consumer.assignment.interval.ms'),
      maxSize: options.groupConsumerMaxSize,
      migrationPolicy: options.groupConsumerMigrationPolicy,
    }
  }

  get #isHeard(): boolean {
    return this.#broker.cluster.events.hasListeners('group')
  }

  #emit(view: ReturnType<typeof viewOf>, cause: string): void {
    const { cluster, nodeId } = this.#broker
    cluster.events.emit('group', { ...view, at: cluster.now(), nodeId, cause })
  }
}
