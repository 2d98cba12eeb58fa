/**
 * One unbroken stretch of reading a partition: from an assignment, or a seek, or a reset, to the
 * next. Within a lineage the committed offset never decreases; a record, a mark or a handler that
 * belongs to a lineage which has ended is stale, and nothing stale is ever committed. (A partition
 * that went away and came back is another lineage: a zombie's late work cannot count for it.)
 */
import type { AnyTopic } from '../serdes/topic.ts'
import type { EndReason } from './group/membership.ts'
import { OffsetTracker } from './offsets/offset-tracker.ts'

export class Lineage {
  readonly topic: string
  readonly partition: number
  readonly serdes: AnyTopic | undefined
  readonly tracker: OffsetTracker
  /** False once the partition is to go: what was begun is finished, nothing new is. */
  mayBegin = true
  #endReason: EndReason | 'sought' | undefined
  #controller: AbortController | undefined

  constructor(topic: string, partition: number, serdes: AnyTopic | undefined, startOffset: number) {
    this.topic = topic
    this.partition = partition
    this.serdes = serdes
    this.tracker = new OffsetTracker(startOffset)
  }

  get isLive(): boolean {
    return this.#endReason === undefined
  }

  /** Aborts when the lineage ends; its reason says how (`revoked`, `lost`, `timeout`, `closing`). */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#endReason !== undefined) this.#controller.abort(this.#endReason)
    return this.#controller.signal
  }

  end(reason: EndReason | 'sought'): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    this.mayBegin = false
    this.#controller?.abort(reason)
  }
}
