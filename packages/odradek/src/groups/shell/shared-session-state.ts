/**
 * What the main thread and its heartbeat thread share about one member: who of them heartbeats, for
 * which lines, and when the coordinator last heard of the member.
 *
 * The right to heartbeat is a *term*, a number that only grows: even, the main thread has it; odd,
 * the heartbeat thread. It changes hands by compare-and-swap, and what is heard in answer to a
 * heartbeat of an older term counts for nothing. Times are those of the main thread's monotonic
 * clock.
 */
const TERM = 0
const LINES = 1
/** The term in which the heartbeat thread heard that the member is out; 0 for none. */
const REFUSED_IN = 2
const BEATS = 3
const WORDS = 4
const ALIVE_AT = 0
const ALIVE_AT_BY_WALL = 1
const IN_HAND_SINCE = 2
const TOLD = 3
const CALM_AT = 4
const TIMES = 5
const WORD_BYTES = 4
const TIME_BYTES = 8
const MICROS = 1000
const TERM_SHIFT = 32n
const EPOCH_BITS = 0xffffffffn

export class SessionBoard {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #times: BigInt64Array

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(WORDS * WORD_BYTES + TIMES * TIME_BYTES)
    this.#words = new Int32Array(this.memory, 0, WORDS)
    this.#times = new BigInt64Array(this.memory, WORDS * WORD_BYTES, TIMES)
    if (memory === undefined) this.lines = NO_LINES
  }

  get term(): number {
    return Atomics.load(this.#words, TERM)
  }

  get isHeldByThread(): boolean {
    return (this.term & 1) === 1
  }

  /**
   * The heartbeat thread takes the right to heartbeat; gives its term, or undefined if it came
   * late.
   */
  takeOver(): number | undefined {
    const term = this.term
    if ((term & 1) === 1) return term
    const mine = term + 1
    return Atomics.compareExchange(this.#words, TERM, term, mine) === term ? mine : undefined
  }

  /** The main thread takes it back. The term that this ended; undefined if it was its own. */
  reclaim(): number | undefined {
    const term = this.term
    if ((term & 1) === 0) return undefined
    return Atomics.compareExchange(this.#words, TERM, term, term + 1) === term ? term : undefined
  }

  /** The number of the lines that hold; -1 for none. */
  get lines(): number {
    return Atomics.load(this.#words, LINES)
  }

  set lines(number: number) {
    Atomics.store(this.#words, LINES, number)
  }

  /**
   * The heartbeat thread was told a member epoch. With its term in one word: a late one gives
   * itself away.
   */
  tell(term: number, memberEpoch: number): void {
    Atomics.store(this.#times, TOLD, (BigInt(term) << TERM_SHIFT) | BigInt(memberEpoch))
  }

  /** The member epoch that the heartbeat thread was told last in a term; undefined for none. */
  toldIn(term: number): number | undefined {
    const told = Atomics.load(this.#times, TOLD)
    if (told >> TERM_SHIFT !== BigInt(term)) return undefined
    return Number(told & EPOCH_BITS)
  }

  /**
   * The term of the heartbeat thread in which the coordinator refused the member; 0 when it did
   * not. Read before every delivery, so without a fence: what the heartbeat thread wrote a moment
   * ago is seen a moment later.
   */
  get refusedIn(): number {
    return this.#words[REFUSED_IN] as number
  }

  set refusedIn(term: number) {
    Atomics.store(this.#words, REFUSED_IN, term)
  }

  /** Heartbeats of the heartbeat thread that were acknowledged. */
  get beats(): number {
    return Atomics.load(this.#words, BEATS)
  }

  countBeat(): void {
    Atomics.add(this.#words, BEATS, 1)
  }

  /** When the last acknowledged heartbeat was sent. */
  get aliveAt(): number {
    return this.#time(ALIVE_AT)
  }

  get aliveAtByWall(): number {
    return this.#time(ALIVE_AT_BY_WALL)
  }

  confirm(aliveAt: number, aliveAtByWall: number): void {
    this.#setTime(ALIVE_AT, aliveAt)
    this.#setTime(ALIVE_AT_BY_WALL, aliveAtByWall)
  }

  /**
   * When the heartbeat thread last sent a heartbeat to which the coordinator had nothing to say.
   */
  get calmAt(): number {
    return this.#time(CALM_AT)
  }

  set calmAt(at: number) {
    this.#setTime(CALM_AT, at)
  }

  /** Since when user code has had what it has in hand, as of the last tick; 0 for nothing. */
  get inHandSince(): number {
    return this.#time(IN_HAND_SINCE)
  }

  set inHandSince(since: number) {
    this.#setTime(IN_HAND_SINCE, since)
  }

  #time(index: number): number {
    return Number(Atomics.load(this.#times, index)) / MICROS
  }

  #setTime(index: number, ms: number): void {
    Atomics.store(this.#times, index, BigInt(Math.floor(ms * MICROS)))
  }
}

export const NO_LINES = -1
