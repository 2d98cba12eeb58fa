/**
 * One assigned partition: where it is being read, what was fetched and not yet handed out, what is
 * in user code's hands, what is committed. Membership in exactly one phase says what happens to it
 * next. At most one fetch is outstanding or buffered per partition, so order and seeks are safe.
 */
import { setMaxListeners } from 'node:events'
import { ZERO_UUID } from '@odradek/protocol'
import type { TopicPartition } from '../events/topic-partition.ts'
import type { AnyTopic } from '../serdes/topic.ts'
import type { FetchedChunk } from './fetch/fetched-chunk.ts'
import type { AssignedPartition, EndReason } from './group/membership.ts'
import { Lineage, NOWHERE } from './lineage.ts'
import { type CommitNote, encodeCommitNote, NO_NOTE } from './offsets/commit-note.ts'
import type { TransactionLink } from './offsets/transaction-link.ts'

/** What a partition waits for. */
export type Phase =
  /** The user's hook hears of it first, and may seek. */
  | { readonly name: 'assigned' }
  /** Its committed offset is to be read. */
  | { readonly name: 'starting' }
  /** There is none: a start is to be found, as `startFrom` says. */
  | { readonly name: 'locating' }
  /** The start of a `latest` group must be committed before anything is delivered. */
  | { readonly name: 'pinning'; readonly offset: number }
  /** User code looks for a place by time (ms since the epoch, or one of Kafka's special ones). */
  | { readonly name: 'seeking'; readonly timestamp: number }
  | { readonly name: 'fetching' }
  /** The broker has nothing at the position: what happened, and where to go on, is to be found. */
  | { readonly name: 'outOfRange'; readonly offset: number }
  /** The topic was deleted and made anew under its name: from its new beginning. */
  | { readonly name: 'recreated' }
  /** Nothing more comes from here until a seek: the error was handed to the user. */
  | { readonly name: 'failed' }
  /** Nothing more is delivered; what is in hand is finished and committed, then it goes. */
  | { readonly name: 'revoking' }
  | { readonly name: 'ended' }

export interface PreferredReplica {
  readonly nodeId: number
  /** Under this leader epoch; another leader is asked again. */
  readonly leaderEpoch: number
  /** By the monotonic clock. */
  readonly until: number
}

export class PartitionReader implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Of the incarnation of the topic that is being read. */
  topicId: string
  /** Of the incarnation that was read before, until it is told that this one is another. */
  formerTopicId: string | undefined
  /** Another topic of the same name is assigned by itself, maybe to somebody else. */
  readonly isAssignedById: boolean
  readonly serdes: AnyTopic | undefined
  phase: Phase = { name: 'assigned' }
  lineage: Lineage
  /** Where the next fetch begins. */
  fetchOffset = -1
  /**
   * The position was chosen by the user, beyond what the log was known to hold, and nothing came
   * from it yet: if it is out of range nothing was lost.
   */
  isSought = false
  /** The epoch of the last batch that was fetched, for finding truncations; -1 when unknown. */
  fetchedEpoch = -1
  /** The latest timestamp of that batch; undefined before the first. */
  fetchedTimestamp: number | undefined
  isFetching = false
  /** A follower that the leader sent us to (KIP-392); it is asked in the leader's place. */
  preferredReplica: PreferredReplica | undefined
  #isPaused = false
  /** How often it was paused: each pause is another. */
  pauses = 0
  /** So much is finished behind one unfinished record that nothing more is handed out. */
  isHeldBack = false
  /** A record that cannot be decoded is on its way to the dead letters. */
  isSettlingPoison = false
  /** Fetched, and not begun. */
  buffered: FetchedChunk | undefined
  /** Being handed out. */
  current: FetchedChunk | undefined
  /** Acknowledged by the coordinator; undefined when nothing is. */
  committedOffset: number | undefined
  /** What was noted beside the committed offset, and goes on with every commit. */
  note: CommitNote = NO_NOTE
  /** That note is not acknowledged: it is worth a commit by itself. */
  hasNewMetadata = false
  /** The committed offset must be sent again until this is past (a commit of unknown outcome). */
  unsureUntil = Number.NEGATIVE_INFINITY
  highWatermark = -1
  lastStableOffset = -1
  logStartOffset = -1
  /** Not before this, by the monotonic clock: something went wrong a moment ago. */
  pausedUntil = Number.NEGATIVE_INFINITY
  failures = 0
  /** Where bytes were found corrupt once: twice at one place is an error. */
  corruptAt = -1
  #inHand = 0
  /** Called whenever user code lets go of something of this partition. */
  readonly onRelease = new Set<() => void>()
  #controller: AbortController | undefined

  /** Offsets are committed by transactions: of what is processed only the start is ours to commit. */
  readonly isTransactional: boolean
  readonly #link: TransactionLink | undefined

  constructor(assigned: AssignedPartition, serdes: AnyTopic | undefined, link?: TransactionLink) {
    this.#link = link
    this.isTransactional = link?.isTransactional ?? false
    this.topic = assigned.topic
    this.partition = assigned.partition
    this.topicId = assigned.topicId
    this.isAssignedById = assigned.isById === true
    this.serdes = serdes
    this.lineage = new Lineage(this.topic, this.partition, serdes, NOWHERE, link)
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  set isPaused(isPaused: boolean) {
    if (isPaused && !this.#isPaused) this.pauses++
    this.#isPaused = isPaused
  }

  get isEnded(): boolean {
    return this.phase.name === 'ended'
  }

  /** The offset that may be committed now; undefined before the start is known. */
  get committable(): number | undefined {
    const { committable } = this.lineage.tracker
    return committable < 0 ? undefined : committable
  }

  /** The offset that the commit pipeline is to see to. */
  get toCommit(): number | undefined {
    if (!this.isTransactional) return this.committable
    const { start } = this.lineage
    return this.committedOffset ?? (start < 0 ? undefined : start)
  }

  /** Metadata of the user's, beside the offset from the next commit on. */
  setMetadata(metadata: string): void {
    if (metadata === this.note.foreign) return
    this.note = { ...this.note, foreign: metadata }
    this.hasNewMetadata = true
  }

  /** What travels with a commit of this partition. */
  get commitMetadata(): string {
    const topicId = this.topicId === ZERO_UUID ? undefined : this.topicId
    return encodeCommitNote({ ...this.note, topicId })
  }

  /** Bytes that were fetched and are not let go of. */
  get heldBytes(): number {
    return (this.buffered?.byteLength ?? 0) + (this.current?.byteLength ?? 0)
  }

  /** Everything before this offset was handed out, in this lineage; -1 before its start is known. */
  get handedOutUpTo(): number {
    return (this.current ?? this.buffered)?.position ?? this.fetchOffset
  }

  /** Whether the log reached to this offset, as far as the last fetch has told. */
  wasThere(offset: number): boolean {
    const { logStartOffset, highWatermark } = this
    return logStartOffset >= 0 && offset >= logStartOffset && offset <= highWatermark
  }

  /** Reads on from `offset`, in a new lineage: what was fetched or delivered before is stale. */
  startAt(offset: number, leaderEpoch: number): void {
    this.lineage.end('sought')
    const start = { offset, leaderEpoch }
    this.lineage = new Lineage(this.topic, this.partition, this.serdes, start, this.#link)
    this.fetchOffset = offset
    this.fetchedEpoch = leaderEpoch
    this.isSought = false
    this.buffered = undefined
    this.current = undefined
    this.failures = 0
    this.corruptAt = -1
    this.isHeldBack = false
    this.phase = { name: 'fetching' }
  }

  /**
   * The topic was made anew, and where it begins is to be found: nothing that is known of the
   * former one may be taken for this one, and what is still in user code's hands counts no more.
   */
  beginAnew(topicId: string): void {
    this.#forgetLog()
    this.formerTopicId ??= this.topicId
    this.topicId = topicId
    this.phase = { name: 'recreated' }
  }

  /** What was assigned is gone: until it is taken away, or is there after all, nothing is read. */
  standBy(): void {
    this.#forgetLog()
    this.phase = { name: 'starting' }
  }

  #forgetLog(): void {
    this.startAt(NOWHERE.offset, NOWHERE.leaderEpoch)
    this.fetchedTimestamp = undefined
    this.preferredReplica = undefined
    this.committedOffset = undefined
    this.highWatermark = -1
    this.lastStableOffset = -1
    this.logStartOffset = -1
  }

  /** Of what the log is known to hold, what was not handed out; undefined when that is nothing. */
  get unread(): { readonly from: number; readonly to: number } | undefined {
    const { handedOutUpTo: from, highWatermark: to } = this
    return from >= 0 && from < to ? { from, to } : undefined
  }

  /** Reads on from a place that is still to be found: nothing counts any more until then. */
  lookFor(timestamp: number): void {
    this.startAt(NOWHERE.offset, NOWHERE.leaderEpoch)
    this.phase = { name: 'seeking', timestamp }
  }

  /** Within the lineage: what was handed out and not processed is fetched again. */
  rewind(): void {
    const { committable } = this
    if (committable === undefined || this.phase.name !== 'fetching') return
    this.startAt(committable, this.lineage.epochBefore(committable))
  }

  /** Stops delivering; marks of what is in hand still count. */
  revoke(): void {
    this.fetchOffset = this.handedOutUpTo
    this.phase = { name: 'revoking' }
    this.lineage.mayBegin = false
    this.buffered = undefined
    this.current = undefined
  }

  /** Aborts when the partition is let go of, with the reason; whatever is sought meanwhile. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      // Every record in hand may listen to it.
      setMaxListeners(0, this.#controller.signal)
    }
    return this.#controller.signal
  }

  end(reason: EndReason): void {
    this.phase = { name: 'ended' }
    this.#controller?.abort(reason)
    this.lineage.end(reason)
    this.buffered = undefined
    this.current = undefined
  }

  /** User code has got something of this partition in its hands. */
  take(): void {
    this.#inHand++
  }

  release(): void {
    this.#inHand--
    if (this.onRelease.size === 0) return
    for (const look of this.onRelease) look()
  }

  /** How much of this partition is in user code's hands: records, or a batch. */
  get inHandCount(): number {
    return this.#inHand
  }

  get isInHand(): boolean {
    return this.#inHand > 0
  }
}
