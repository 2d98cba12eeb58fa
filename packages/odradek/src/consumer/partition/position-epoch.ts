/**
 * One unbroken stretch of reading a partition: from an assignment, or a seek, or a reset, to the
 * next. Within a lineage the committed offset never decreases; a record, a mark or a handler that
 * belongs to a lineage which has ended is stale, and nothing stale is ever committed. (A partition
 * that went away and came back is another lineage: a zombie's late work cannot count for it.)
 */
import { LazyAbort } from '../../async/lazy-abort.ts'
import type { AnyTopic } from '../../serdes/topic.ts'
import type { EndReason } from '../../groups/shell/membership.ts'
import type { ConsumedPartition } from '../../cluster/consumption.ts'
import { OffsetTracker } from './offset-tracker.ts'

/**
 * How the start of a lineage was chosen. A `found` one (what is committed, or what `startFrom`
 * says) is never committed by itself: it would take back what another tool committed meanwhile.
 * A `pinned` one always is; a `sought` one, a `reset` (the log is not what it was) and one that was
 * `reached` by processing (and is read again from there) are under automatic commits.
 */
export type StartKind = 'found' | 'pinned' | 'sought' | 'reset' | 'reached'

export interface LineageStart {
  readonly offset: number
  readonly leaderEpoch: number
  /** `found` by default. */
  readonly kind?: StartKind | undefined
}

export interface Seek {
  readonly offset: number
  /** Of what lies before it; -1, the default, when unknown. */
  readonly leaderEpoch?: number
  /** `sought` by default. */
  readonly kind?: StartKind
  readonly reason: string
}

/** Before a position is known, and where there is none to commit. */
export const NOWHERE: LineageStart = { offset: -1, leaderEpoch: -1 }

/** Makes what a lineage offers to transactions; `transactional-offsets.ts` does. */
export interface OffersToTransactions {
  offer(lineage: Lineage): ConsumedPartition
}

export class Lineage {
  readonly topic: string
  readonly partition: number
  readonly serdes: AnyTopic | undefined
  readonly tracker: OffsetTracker
  /** Where it began. */
  readonly start: number
  readonly startKind: StartKind
  readonly #link: OffersToTransactions | undefined
  #consumed: ConsumedPartition | undefined
  /** False once the partition is to go: what was begun is finished, nothing new is. */
  mayBegin = true
  /** Of the records that handlers were called with, the last one's offset. */
  begunUpTo = -1
  /** In the order of their offsets; mostly one. */
  readonly #epochs: { readonly from: number; readonly leaderEpoch: number }[]
  #endReason: EndReason | 'sought' | undefined
  readonly #endSignal = new LazyAbort()

  constructor(
    topic: string,
    partition: number,
    serdes: AnyTopic | undefined,
    start: LineageStart,
    link?: OffersToTransactions,
  ) {
    this.start = start.offset
    this.startKind = start.kind ?? 'found'
    this.#link = link
    this.topic = topic
    this.partition = partition
    this.serdes = serdes
    this.tracker = new OffsetTracker(start.offset)
    this.#epochs = [{ from: -1, leaderEpoch: start.leaderEpoch }]
  }

  /** Records from this offset on were written under this leader epoch. */
  noteEpoch(from: number, leaderEpoch: number): void {
    // Read again from further back: what was noted of it is noted anew.
    for (let last = this.#epochs.at(-1); last !== undefined && last.from >= from; ) {
      this.#epochs.pop()
      last = this.#epochs.at(-1)
    }
    if (this.#epochs.at(-1)?.leaderEpoch !== leaderEpoch) this.#epochs.push({ from, leaderEpoch })
  }

  /** The leader epoch of what lies directly before an offset: what is committed beside it. */
  epochBefore(offset: number): number {
    // What was committed is behind us: epochs that ended before it are not asked for again.
    while (this.#epochs.length > 1 && (this.#epochs[1]?.from ?? offset) < offset) {
      this.#epochs.shift()
    }
    return this.#epochs[0]?.leaderEpoch ?? -1
  }

  /** From where on what was read is of a later epoch than this; undefined when none of it is. */
  endOfEpoch(leaderEpoch: number): number | undefined {
    return this.#epochs.find((one) => one.from >= 0 && one.leaderEpoch > leaderEpoch)?.from
  }

  /** What transactions take of it; undefined where there is no consumer group. */
  get consumed(): ConsumedPartition | undefined {
    this.#consumed ??= this.#link?.offer(this)
    return this.#consumed
  }

  get isLive(): boolean {
    return this.#endReason === undefined
  }

  /** How it ended; undefined while it is live. */
  get endReason(): EndReason | 'sought' | undefined {
    return this.#endReason
  }

  /**
   * Aborts when the lineage ends; its reason says how (`revoked`, `lost`, `timeout`, `closing`).
   */
  get signal(): AbortSignal {
    return this.#endSignal.signal
  }

  /**
   * Whether a handler may be called with the record. While the partition is revoked that holds only
   * for records before one that was begun: without them the finished one could not be committed.
   */
  mayBeginAt(offset: number): boolean {
    return this.mayBegin || (this.isLive && offset < this.begunUpTo)
  }

  end(reason: EndReason | 'sought'): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    this.mayBegin = false
    this.#endSignal.abort(reason)
  }
}
