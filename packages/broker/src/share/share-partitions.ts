/**
 * The share partitions that one broker leads, with their locks and the requests that wait for
 * records. A share partition lives as long as its leader epoch: the next leader begins with the
 * stored state, in which no record is acquired.
 */
import type { Timer } from '@odradek/environment'
import { ErrorCode } from '@odradek/protocol'
import type { BrokerContext } from '../cluster/broker-context.ts'
import { parseDuration } from '../cluster/iso-duration.ts'
import type { ShareService } from '../cluster/node-handle.ts'
import type { Partition } from '../cluster/partition.ts'
import type { SharePartitionView } from '../cluster/share-partition-view.ts'
import { partitionKey } from '../cluster/topic-partitions.ts'
import type { Topic } from '../cluster/topics.ts'
import { findByTimestamp } from '../log/offset-lookup.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { SharePartition } from './share-partition.ts'
import type { AcknowledgementBatch, ShareChange, ShareLimits } from './share-record.ts'
import { type ShareSession, ShareSessions } from './share-sessions.ts'
import type { ShareStore } from './share-store.ts'
import { viewOfSharePartition } from './view-of-share-partition.ts'

interface Live {
  readonly groupId: string
  readonly partition: Partition
  readonly leaderEpoch: number
  readonly share: SharePartition
  timer: Timer | undefined
}

export class SharePartitions implements ShareService {
  readonly sessions: ShareSessions
  /** The broker whose share partitions these are. */
  readonly broker: BrokerContext
  readonly #store: ShareStore
  readonly #live = new Map<string, Live>()
  readonly #waiters = new Set<() => void>()

  constructor(broker: BrokerContext, store: ShareStore) {
    this.broker = broker
    this.#store = store
    this.sessions = new ShareSessions(broker.cluster.options.groupShareMaxShareSessions)
  }

  limitsOf(groupId: string): ShareLimits {
    const { groupConfigs } = this.broker.cluster
    return {
      lockDurationMs: groupConfigs.number(groupId, 'share.record.lock.duration.ms'),
      deliveryCountLimit: groupConfigs.number(groupId, 'share.delivery.count.limit'),
      maxRecordLocks: groupConfigs.number(groupId, 'share.partition.max.record.locks'),
    }
  }

  /** The share partition, if it is alive under this leader epoch. */
  find(groupId: string, topic: Topic, partition: Partition): SharePartition | undefined {
    const key = keyOf(groupId, topic, partition)
    const live = this.#live.get(key)
    if (live === undefined || live.leaderEpoch === partition.leaderEpoch) return live?.share
    this.#drop(key, live)
    return undefined
  }

  view(groupId: string, topic: Topic, partition: Partition): SharePartitionView | undefined {
    const share = this.find(groupId, topic, partition)
    return share === undefined ? undefined : viewOfSharePartition(share)
  }

  /** The share partition, loaded if it is not alive. */
  open(groupId: string, topic: Topic, partition: Partition): SharePartition {
    const found = this.find(groupId, topic, partition)
    if (found !== undefined) return found
    const { log, leaderEpoch, index } = partition
    const key = partitionKey(topic.id, index)
    const share = new SharePartition({
      log,
      snapshot: this.#store.get(groupId, key),
      initialOffset: this.#initialOffset(groupId, log),
      onChange: (change) => this.#emit(groupId, topic, partition, change),
      persist: (snapshot) => this.#store.set(groupId, key, snapshot),
    })
    const live: Live = { groupId, partition, leaderEpoch, share, timer: undefined }
    this.#live.set(keyOf(groupId, topic, partition), live)
    return share
  }

  /** Sets the timer of the next lock, after records were acquired or decided on. */
  watchLocks(groupId: string, topic: Topic, partition: Partition): void {
    const live = this.#live.get(keyOf(groupId, topic, partition))
    if (live === undefined) return
    const { timers, clock } = this.broker.environment
    timers.clear(live.timer)
    live.timer = undefined
    const { nextExpiry } = live.share
    if (nextExpiry === Number.POSITIVE_INFINITY) return
    const delayMs = Math.max(1, Math.ceil(nextExpiry - clock.monotonic()))
    live.timer = timers.set(delayMs, () => {
      live.timer = undefined
      // A former leader must not release locks.
      if (this.find(groupId, topic, partition) !== live.share) return
      const limits = this.limitsOf(groupId)
      if (live.share.expireLocks(clock.monotonic(), limits)) this.#wake()
      this.watchLocks(groupId, topic, partition)
    })
  }

  acknowledge(
    session: ShareSession,
    topic: Topic,
    partition: Partition,
    batches: readonly AcknowledgementBatch[],
  ): number {
    const { groupId, memberId } = session
    const share = this.find(groupId, topic, partition)
    // It was led elsewhere when the records were acquired.
    if (share === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const now = this.broker.environment.clock.monotonic()
    const errorCode = share.acknowledge(memberId, batches, { now, limits: this.limitsOf(groupId) })
    this.watchLocks(groupId, topic, partition)
    if (errorCode === ErrorCode.NONE) this.#wake()
    return errorCode
  }

  /** Ends a session: the member's records are released. */
  release(session: ShareSession): void {
    if (!this.sessions.remove(session)) return
    const { groupId, memberId, partitions } = session
    let hasReleased = false
    for (const { topicId, partition: index } of partitions.values()) {
      const topic = this.broker.cluster.topics.byId(topicId)
      const partition = topic?.partitions[index]
      if (topic === undefined || partition === undefined) continue
      const share = this.find(groupId, topic, partition)
      if (share?.releaseAll(memberId, this.limitsOf(groupId)) === true) hasReleased = true
      this.watchLocks(groupId, topic, partition)
    }
    if (hasReleased) this.#wake()
  }

  /** Calls back when records may have become available. */
  onAvailable(listener: () => void): () => void {
    this.#waiters.add(listener)
    return () => void this.#waiters.delete(listener)
  }

  /** A member has left its group, or was removed: its session with this broker ends. */
  memberGone(groupId: string, memberId: string, isLast: boolean): void {
    const session = this.sessions.find(groupId, memberId)
    if (session !== undefined) this.release(session)
    if (isLast) this.forgetGroup(groupId)
  }

  /** The group has no members any more: its live partitions are dropped with their locks. */
  forgetGroup(groupId: string): void {
    for (const [key, live] of [...this.#live]) if (live.groupId === groupId) this.#drop(key, live)
  }

  close(): void {
    for (const [key, live] of [...this.#live]) this.#drop(key, live)
  }

  #drop(key: string, live: Live): void {
    this.broker.environment.timers.clear(live.timer)
    this.#live.delete(key)
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter()
  }

  #initialOffset(groupId: string, log: PartitionLog): number {
    const reset = this.broker.cluster.groupConfigs.get(groupId, 'share.auto.offset.reset')
    if (reset === 'earliest') return log.logStartOffset
    if (reset === 'latest') return log.highWatermark
    const durationMs = parseDuration(reset.slice('by_duration:'.length)) ?? 0
    const timestamp = this.broker.environment.clock.now() - durationMs
    const found = findByTimestamp(log, timestamp)
    if (found === undefined) return log.highWatermark
    if (!(found instanceof Promise)) return found.offset
    // The batch's codec is not loaded: begin with the whole batch.
    const batch = log.batches.find(({ maxTimestamp }) => maxTimestamp >= timestamp)
    return batch?.baseOffset ?? log.highWatermark
  }

  #emit(groupId: string, topic: Topic, { index }: Partition, change: ShareChange): void {
    const { cluster, nodeId } = this.broker
    if (!cluster.events.hasListeners('share')) return
    const place = { groupId, topic: topic.name, topicId: topic.id, partition: index }
    cluster.events.emit('share', { at: cluster.now(), nodeId, ...place, ...change })
  }
}

function keyOf(groupId: string, { id }: Topic, { index }: Partition): string {
  return `${partitionKey(id, index)} ${groupId}`
}
