/**
 * One assigned partition: its position, what was fetched and not yet delivered, what is in flight
 * in user code, and what is committed. `partition/partition.machine.ts` decides what happens to it
 * next; this class keeps the data that belongs to the machine's states, and is the only one that
 * writes it. At most one fetch is in flight or buffered per partition, so order and seeks are safe.
 */
import { ZERO_UUID } from '@odradek/protocol'
import { LazyAbort } from '../../async/lazy-abort.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { AnyTopic } from '../../serdes/topic.ts'
import type { FetchedChunk } from './completed-fetch.ts'
import type { AssignedPartition, EndReason } from '../../groups/shell/membership.ts'
import {
  Lineage,
  type LineageStart,
  NOWHERE,
  type OffersToTransactions,
  type StartKind,
} from './position-epoch.ts'
import { encodeCommitNote } from './offset-metadata.ts'
import {
  type CommitMode,
  hasProgressed,
  leastToCommit,
  offsetToCommit,
  offsetToRequest,
} from './what-to-commit.ts'
import { CommitState } from './commit-state.ts'
import { InFlightCount } from './in-flight.ts'
import { FetchProgress, type PartitionFetch } from './fetch-progress.ts'
import { LogOffsets } from './log-offsets.ts'
import {
  type Effect,
  type Event,
  initialState,
  isPaused,
  isReading,
  type Lookup,
  type PauseReason,
  requestOf,
  type State,
  transition,
} from './partition.machine.ts'

/** Carries out what the partition machine decides. */
export type CarryOut = (effect: Effect, reader: PartitionReader) => void

/** What all partitions of a consumer share. */
export interface PartitionContext {
  readonly commitMode: CommitMode
  readonly carryOut: CarryOut
  readonly link?: OffersToTransactions | undefined
}

export class PartitionReader implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Another topic of the same name is assigned by itself, maybe to another member. */
  readonly isAssignedById: boolean
  readonly serdes: AnyTopic | undefined
  readonly inFlight = new InFlightCount()
  readonly commit = new CommitState()
  readonly progress = new FetchProgress()
  readonly #context: PartitionContext
  #state: State = initialState()
  /** Cached for the per-record path: no pause is in force. */
  #isDeliverable = true
  #topicId: string
  #formerTopicId: string | undefined
  #lineage: Lineage
  #fetchOffset = -1
  #isSought = false
  #fetch: PartitionFetch | undefined
  #pauses = 0
  #buffered: FetchedChunk | undefined
  #current: FetchedChunk | undefined
  #log = LogOffsets.UNKNOWN
  readonly #endSignal = new LazyAbort()

  constructor(
    assigned: AssignedPartition,
    serdes: AnyTopic | undefined,
    context: PartitionContext,
  ) {
    this.topic = assigned.topic
    this.partition = assigned.partition
    this.isAssignedById = assigned.isById === true
    this.serdes = serdes
    this.#topicId = assigned.topicId
    this.#context = context
    this.#lineage = new Lineage(this.topic, this.partition, serdes, NOWHERE, context.link)
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  get state(): State {
    return this.#state
  }

  /** What is looked up; the same object until it is found, or another is looked up instead. */
  get lookup(): Lookup | undefined {
    return this.#state.name === 'resolving' ? this.#state.lookup : undefined
  }

  get isReading(): boolean {
    return isReading(this.#state)
  }

  get isEnded(): boolean {
    return this.#state.name === 'ended'
  }

  /** No pause is in force. Read before each record is delivered. */
  get isDeliverable(): boolean {
    return this.#isDeliverable
  }

  /** Buffered records wait, and a reader may take them now. */
  get mayBeTaken(): boolean {
    return this.#isDeliverable && this.#state.name === 'buffered'
  }

  #step(event: Event): void {
    const { state, effects } = transition(this.#state, event)
    this.#state = state
    this.#isDeliverable = !isPaused(state)
    for (const effect of effects) this.#context.carryOut(effect, this)
  }

  // Its position.

  get lineage(): Lineage {
    return this.#lineage
  }

  /** Of the incarnation of the topic that is being read. */
  get topicId(): string {
    return this.#topicId
  }

  /** Of the incarnation that was read before, until the new one's beginning is reported. */
  get formerTopicId(): string | undefined {
    return this.#formerTopicId
  }

  /** Where the next fetch begins. */
  get fetchOffset(): number {
    return this.#fetchOffset
  }

  /**
   * The user chose the position beyond what the log was known to hold, and nothing was fetched
   * from it yet: if it is out of range, nothing was lost.
   */
  get isSought(): boolean {
    return this.#isSought
  }

  /** The offset that may be committed now; undefined before the start is known. */
  get committable(): number | undefined {
    const { committable } = this.#lineage.tracker
    return committable < 0 ? undefined : committable
  }

  /**
   * Every record before this offset was delivered, in this lineage; -1 before its start is known.
   */
  get handedOutUpTo(): number {
    return (this.#current ?? this.#buffered)?.position ?? this.#fetchOffset
  }

  /** The `onAssigned` hook did not seek: the position is looked up. */
  hookReturned(): void {
    this.#step({ type: 'hookReturned' })
  }

  /** Looks up something else in order to find the position. */
  lookUp(lookup: Lookup): void {
    this.#step({ type: 'lookupNeeded', lookup })
  }

  /** Reads from `offset` in a new lineage: what was fetched or delivered before is stale. */
  startAt(offset: number, leaderEpoch: number, kind: StartKind = 'found'): void {
    this.#moveTo({ offset, leaderEpoch, kind })
    if (kind === 'reset') this.commit.forgetUnsureOffset()
    // What the program commits itself stands, wherever it reads.
    const isCommittedHere = kind === 'sought' || kind === 'reset'
    if (isCommittedHere && this.#context.commitMode !== 'manual') this.commit.forget()
    this.#step({ type: 'positioned' })
  }

  /** Begins a lineage at `offset`, and fetches nothing before `pinned()` is called. */
  startPinningAt(offset: number): void {
    this.#moveTo({ ...NOWHERE, offset, kind: 'pinned' })
    this.#step({ type: 'startFound', offset })
  }

  /** The coordinator has committed the start. */
  pinned(): void {
    this.#step({ type: 'pinned' })
  }

  /** The broker keeps records at the position after all: they are fetched again after a pause. */
  confirmPosition(until: number): void {
    this.#step({ type: 'confirmed', until })
  }

  /** The position is the user's choice, and lies beyond what the log is known to hold. */
  markSought(): void {
    this.#isSought = true
  }

  /** The topic's id was not known when the partition was assigned. */
  learnTopicId(topicId: string): void {
    this.#topicId = topicId
  }

  /**
   * The topic was recreated, and its beginning is looked up: nothing that is known about the former
   * topic holds for this one, and records that are still in flight are stale.
   */
  resetForRecreatedTopic(topicId: string): void {
    this.#forgetLog()
    this.#formerTopicId ??= this.#topicId
    this.#topicId = topicId
    this.lookUp({ of: 'recreated' })
  }

  /** The recreation was reported: there is no former topic any more. */
  forgetFormerTopic(): void {
    this.#formerTopicId = undefined
  }

  /** The topic is gone: nothing is read until the partition is revoked, or the topic is back. */
  suspend(): void {
    this.#forgetLog()
    this.lookUp({ of: 'committed' })
  }

  /** Reads from the first offset at or after a timestamp, once it is found. */
  seekToTimestamp(timestamp: number): void {
    this.#moveTo(NOWHERE)
    this.lookUp({ of: 'timestamp', timestamp })
  }

  /** Reads from what the group has committed, once the coordinator has said what that is. */
  refetchCommitted(): void {
    this.#lineage.end('sought')
    this.#dropFetched()
    this.lookUp({ of: 'committed' })
  }

  /** Within the lineage: records that were delivered and not processed are fetched again. */
  rewind(): void {
    const { committable } = this
    if (committable === undefined || !this.isReading) return
    const kind = this.hasProgressed ? 'reached' : this.#lineage.startKind
    const leaderEpoch = this.#lineage.epochBefore(committable)
    this.#beginLineage({ offset: committable, leaderEpoch, kind })
    this.#step({ type: 'positioned' })
  }

  #moveTo(start: LineageStart): void {
    this.commit.beginLineage()
    this.#beginLineage(start)
  }

  #beginLineage(start: LineageStart): void {
    this.#lineage.end('sought')
    const { link } = this.#context
    this.#lineage = new Lineage(this.topic, this.partition, this.serdes, start, link)
    this.#fetchOffset = start.offset
    this.#isSought = false
    this.progress.restart(start.leaderEpoch)
    this.#dropFetched()
  }

  #forgetLog(): void {
    this.#moveTo(NOWHERE)
    this.progress.reset()
    this.commit.forget()
    this.commit.forgetUnsureOffset()
    this.#log = LogOffsets.UNKNOWN
  }

  #dropFetched(): void {
    this.#fetch = undefined
    this.#buffered = undefined
    this.#current = undefined
  }

  // The log, as the last fetch reported it.

  get log(): LogOffsets {
    return this.#log
  }

  noteLog(log: LogOffsets): void {
    this.#log = log
  }

  /** What the log is known to hold and was not delivered; undefined when that is nothing. */
  get unread(): { readonly from: number; readonly to: number } | undefined {
    const { handedOutUpTo: from } = this
    const { highWatermark: to } = this.#log
    return from >= 0 && from < to ? { from, to } : undefined
  }

  // Fetching.

  /** Fetched, and not taken by a reader. */
  get buffered(): FetchedChunk | undefined {
    return this.#buffered
  }

  /** Bytes that were fetched and are not read to their end. */
  get heldBytes(): number {
    return (this.#buffered?.byteLength ?? 0) + (this.#current?.byteLength ?? 0)
  }

  /** A request that fetches from the position is being sent. */
  fetchSent(fetch: PartitionFetch): void {
    this.#fetch = fetch
    this.#step({ type: 'fetchSent' })
  }

  /** Whether the response to this fetch is still wanted: the position did not change meanwhile. */
  isAwaiting(fetch: PartitionFetch): boolean {
    const isSame = this.#fetch === fetch && this.#fetchOffset === fetch.fetchOffset
    return isSame && requestOf(this.#state)?.name === 'inFlight'
  }

  backoffElapsed(): void {
    this.#step({ type: 'backoffElapsed' })
  }

  /** The response had records, which are buffered; `epoch` is that of the last batch. */
  fetched(chunk: FetchedChunk, epoch = chunk.endEpoch): void {
    this.#fetch = undefined
    this.progress.advance(epoch, chunk.endTimestamp)
    this.#fetchOffset = chunk.endOffset
    this.#isSought = false
    this.#buffered = chunk
    this.#step({ type: 'fetched' })
  }

  /** The response was an error, or brought no progress: the next fetch waits until a time. */
  fetchFailed(until: number): void {
    this.#fetch = undefined
    this.#step({ type: 'fetchFailed', until })
  }

  /** The fetch is over, whatever it brought. */
  fetchEnded(fetch: PartitionFetch): void {
    if (this.#fetch !== fetch) return
    this.#fetch = undefined
    this.#step({ type: 'fetchEnded' })
  }

  /** Whether the buffered records can be dropped for others: no reader is about to take them. */
  get canBeEvicted(): boolean {
    if (this.#buffered === undefined || this.isPausedBy('deadLetter')) return false
    return !this.#isDeliverable || this.#current !== undefined
  }

  /** Drops the buffered records; they are fetched again. */
  evict(): void {
    if (this.#buffered === undefined) return
    this.#fetchOffset = this.#buffered.position
    this.#buffered = undefined
    this.#step({ type: 'evicted' })
  }

  // Delivery.

  /** What a reader is delivering. */
  get current(): FetchedChunk | undefined {
    return this.#current
  }

  /** A reader takes the buffered records. */
  beginDelivery(): void {
    this.#current = this.#buffered
    this.#buffered = undefined
    this.#step({ type: 'taken' })
  }

  /** The reader has delivered everything that it took. */
  drained(): void {
    this.#current = undefined
    this.progress.clearCorrupt()
    this.#step({ type: 'drained' })
  }

  /** The reader returns what is left of what it took. */
  returnToBuffer(): void {
    if (this.#current === undefined) return
    // What was fetched after it is fetched again, in order.
    if (this.#buffered !== undefined) this.#fetchOffset = this.#buffered.startOffset
    this.#buffered = this.#current
    this.#current = undefined
    this.#step({ type: 'returned' })
  }

  /** The bytes at `offset` cannot be read; returns true the first time: they are fetched again. */
  corruptAt(offset: number): boolean {
    const isFirst = this.progress.markCorrupt(offset)
    this.#dropFetched()
    this.#fetchOffset = offset
    this.#step({ type: 'corrupt' })
    return isFirst
  }

  /** The corrupt batch is passed over. */
  skipTo(offset: number): void {
    this.#fetchOffset = offset
  }

  // Pauses.

  get isPaused(): boolean {
    return this.isPausedBy('user')
  }

  isPausedBy(reason: PauseReason): boolean {
    return !this.#isDeliverable && this.#state.pausedBy.includes(reason)
  }

  /** How often the user paused it: each pause is another. */
  get pauses(): number {
    return this.#pauses
  }

  pause(reason: PauseReason): void {
    if (reason === 'user' && !this.isPaused) this.#pauses++
    this.#step({ type: 'paused', reason })
  }

  resume(reason: PauseReason): void {
    this.#step({ type: 'resumed', reason })
  }

  // Commits.

  /** Something was processed, or passed over, to reach what could be committed. */
  get hasProgressed(): boolean {
    return hasProgressed(this.#lineage)
  }

  /** The offset that the commit pipeline should commit; undefined when it should commit nothing. */
  get toCommit(): number | undefined {
    return offsetToCommit(this.#context.commitMode, this)
  }

  /** The least offset that the program may commit now without going back. */
  get leastToCommit(): number {
    return leastToCommit(this.#context.commitMode, this)
  }

  /** The program commits what is processed. */
  requestCommit(): void {
    const offset = offsetToRequest(this.#lineage)
    if (offset !== undefined) this.commit.request(offset)
  }

  /** What travels with a commit of this partition. */
  get commitMetadata(): string {
    const topicId = this.#topicId === ZERO_UUID ? undefined : this.#topicId
    return encodeCommitNote({ ...this.commit.note, topicId })
  }

  /** Reading stopped with an error that was reported; only a seek begins it again. */
  fail(): void {
    this.#dropFetched()
    this.#step({ type: 'failed' })
  }

  /** Stops delivering; marks of records in flight still count. */
  revoke(): void {
    this.#fetchOffset = this.handedOutUpTo
    this.#lineage.mayBegin = false
    this.#dropFetched()
    this.#step({ type: 'revoked' })
  }

  end(reason: EndReason): void {
    this.#endSignal.abort(reason)
    this.#lineage.end(reason)
    this.#dropFetched()
    this.#step({ type: 'ended' })
  }

  /** Aborts when the partition is revoked or lost, with the reason; a seek does not abort it. */
  get signal(): AbortSignal {
    return this.#endSignal.signal
  }
}
