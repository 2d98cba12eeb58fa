/**
 * What is known about the committed offset of one partition: what the coordinator acknowledged,
 * what is noted beside it, and whether a commit of unknown outcome can still be applied.
 */
import { type CommitNote, NO_NOTE } from './offset-metadata.ts'

export class CommitState {
  #offset: number | undefined
  #note: CommitNote = NO_NOTE
  #hasNewMetadata = false
  #unsureUntil = Number.NEGATIVE_INFINITY
  #unsureOffset: number | undefined
  #requested: number | undefined
  #isOfFormerLineage = false

  /** Acknowledged by the coordinator; undefined when nothing is. */
  get offset(): number | undefined {
    return this.#offset
  }

  /** What is noted beside the committed offset, and is part of every commit. */
  get note(): CommitNote {
    return this.#note
  }

  /** The user's metadata is not acknowledged: it is worth a commit by itself. */
  get hasNewMetadata(): boolean {
    return this.#hasNewMetadata
  }

  /** The committed offset must be sent again until this time (a commit of unknown outcome). */
  get unsureUntil(): number {
    return this.#unsureUntil
  }

  get isUnsure(): boolean {
    return this.#unsureUntil > Number.NEGATIVE_INFINITY
  }

  /** What the program asked to commit in this lineage; undefined before it did. */
  get requested(): number | undefined {
    return this.#requested
  }

  /** What was sent, and may or may not have been applied; undefined when nothing is. */
  get unsureOffset(): number | undefined {
    return this.isUnsure ? this.#unsureOffset : undefined
  }

  /** What is committed was committed before a seek or a reset. */
  get isOfFormerLineage(): boolean {
    return this.#isOfFormerLineage
  }

  /**
   * A seek or a reset: what the program asks for from now on may be less than what is committed.
   */
  beginLineage(): void {
    this.#requested = undefined
    this.#isOfFormerLineage = true
  }

  /** The program asks to commit everything before this offset. */
  request(offset: number): void {
    if (this.#isOfFormerLineage) this.#offset = undefined
    this.#isOfFormerLineage = false
    this.#requested = Math.max(offset, this.#requested ?? offset)
  }

  /** Whether a commit of this offset would move the committed offset forward. */
  isBefore(offset: number): boolean {
    return this.#offset === undefined || this.#offset < offset
  }

  /** The coordinator has this offset for the group. */
  noteCommitted(offset: number): void {
    this.#offset = offset
    this.#isOfFormerLineage = false
  }

  /** A commit that was sent at this time is acknowledged: older ones cannot be applied after it. */
  noteAcknowledged(offset: number, sentAt: number): void {
    this.#offset = offset
    if (sentAt >= this.#unsureUntil) this.#unsureUntil = Number.NEGATIVE_INFINITY
  }

  /** The user's metadata is acknowledged. */
  noteMetadataCommitted(): void {
    this.#hasNewMetadata = false
  }

  /**
   * The log is not the one that was committed: what was sent for that must not be sent for this.
   */
  forgetUnsureOffset(): void {
    this.#unsureOffset = undefined
  }

  /** What the group has committed is not what is read here, or is not known. */
  forget(): void {
    this.#offset = undefined
  }

  /** A commit of this offset may still be applied until this time. */
  markOutcomeUnknown(offset: number, until: number): void {
    this.#unsureOffset = offset
    this.#unsureUntil = until
  }

  /** Metadata of the user's, beside the offset from the next commit on. */
  setMetadata(metadata: string): void {
    if (metadata === this.#note.foreign) return
    this.#note = { ...this.#note, foreign: metadata }
    this.#hasNewMetadata = true
  }

  setNote(note: CommitNote): void {
    this.#note = note
  }
}
