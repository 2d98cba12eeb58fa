/**
 * What of one partition is processed, as the one number that may be committed: the offset before
 * which nothing is unfinished. Records may be finished in any order; a later one never commits an
 * earlier one that is still in hand. Offsets that hold no record for users (control records, what
 * compaction took, aborted transactions) are passed over as soon as everything before is finished.
 *
 * In order (iteration, one lane) it is two assignments a record; out of order, a ring of the
 * offsets that were delivered, each with a flag.
 */
const INITIAL_SLOTS = 64

export class OffsetTracker {
  /** Delivered and unfinished, oldest first: a ring over `#offsets[head, head + count)`. */
  #offsets = new Float64Array(INITIAL_SLOTS)
  #isFinished = new Uint8Array(INITIAL_SLOTS)
  #head = 0
  #count = 0
  /** The ticket of the record at the head; tickets count deliveries. */
  #headTicket = 0
  /** Everything before this offset is finished. */
  #committable: number
  /** Where reading stands: behind the last delivered record, or behind what holds no record. */
  #readUpTo: number

  constructor(start: number) {
    this.#committable = start
    this.#readUpTo = start
  }

  /** The offset that may be committed: of the next record to process after a restart. */
  get committable(): number {
    return this.#committable
  }

  /** Delivered records that are not finished. */
  get unfinishedCount(): number {
    return this.#count
  }

  /** The offset of the oldest unfinished record; undefined when all are finished. */
  get oldestUnfinished(): number | undefined {
    return this.#count === 0 ? undefined : this.#offsets[this.#head]
  }

  /** A record goes to user code; the ticket finishes it. */
  deliver(offset: number): number {
    if (this.#count === this.#offsets.length) this.#grow()
    const at = (this.#head + this.#count) & (this.#offsets.length - 1)
    this.#offsets[at] = offset
    this.#isFinished[at] = 0
    this.#readUpTo = offset + 1
    return this.#headTicket + this.#count++
  }

  /** The record with this ticket is processed. Twice does no harm. */
  finish(ticket: number): void {
    const index = ticket - this.#headTicket
    if (index < 0 || index >= this.#count) return
    const mask = this.#offsets.length - 1
    this.#isFinished[(this.#head + index) & mask] = 1
    if (index === 0) this.#advance()
  }

  /** What may be committed once the records at these offsets are processed, too. */
  committableWith(offsets: ReadonlySet<number>): number {
    const mask = this.#offsets.length - 1
    for (let index = 0; index < this.#count; index++) {
      const at = (this.#head + index) & mask
      const offset = this.#offsets[at] as number
      if (this.#isFinished[at] === 0 && !offsets.has(offset)) return offset
    }
    let behind = this.#count > 0 ? this.#readUpTo : this.#committable
    for (const offset of offsets) behind = Math.max(behind, offset + 1)
    return behind
  }

  /** Everything up to and with this offset is processed, whatever was in hand. */
  finishUpTo(offset: number): void {
    const mask = this.#offsets.length - 1
    for (let index = 0; index < this.#count; index++) {
      const at = (this.#head + index) & mask
      if ((this.#offsets[at] as number) > offset) break
      this.#isFinished[at] = 1
    }
    this.#advance()
    if (this.#count === 0 && offset + 1 > this.#committable) {
      this.#committable = offset + 1
      this.#readUpTo = Math.max(this.#readUpTo, offset + 1)
    }
  }

  /**
   * Everything before this offset is processed, or holds no record for users. It is how reading in
   * order moves on; while records are in hand out of order it waits for them.
   */
  passTo(nextOffset: number): void {
    if (nextOffset <= this.#readUpTo) return
    this.#readUpTo = nextOffset
    if (this.#count === 0) this.#committable = nextOffset
  }

  #advance(): void {
    const mask = this.#offsets.length - 1
    while (this.#count > 0 && this.#isFinished[this.#head] === 1) {
      this.#committable = (this.#offsets[this.#head] as number) + 1
      this.#head = (this.#head + 1) & mask
      this.#headTicket++
      this.#count--
    }
    if (this.#count === 0) this.#committable = Math.max(this.#committable, this.#readUpTo)
    else {
      const oldest = this.#offsets[this.#head] as number
      if (oldest > this.#committable) this.#committable = oldest
    }
  }

  #grow(): void {
    const mask = this.#offsets.length - 1
    const offsets = new Float64Array(this.#offsets.length * 2)
    const flags = new Uint8Array(offsets.length)
    for (let index = 0; index < this.#count; index++) {
      const at = (this.#head + index) & mask
      offsets[index] = this.#offsets[at] as number
      flags[index] = this.#isFinished[at] as number
    }
    this.#offsets = offsets
    this.#isFinished = flags
    this.#head = 0
  }
}
