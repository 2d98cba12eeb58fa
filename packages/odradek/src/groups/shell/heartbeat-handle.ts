/**
 * The main thread's end of one member's board: it says who the member is, takes the right to
 * heartbeat back when the loop turns again, and reads what the heartbeat thread did meanwhile.
 */
import type { HeartbeatSnapshot } from './heartbeat-snapshot.ts'
import { NO_LINES, SessionBoard } from './shared-session-state.ts'

export interface SessionTimes {
  readonly aliveAt: number
  readonly aliveAtByWall: number
}

/** Lines by their number, which is on the board while they hold. */
export type LinesListener = (number: number, lines: HeartbeatSnapshot) => void

export class Seat {
  readonly board = new SessionBoard()
  readonly #onFirstLines: () => void
  #onLines: LinesListener | undefined
  #lines: HeartbeatSnapshot | undefined
  #number = 0
  #onTakenBack: ((memberEpoch: number | undefined) => void) | undefined
  #hasLived = false

  /** `onFirstLines` is called once the member is counted in for the first time. */
  constructor(onFirstLines: () => void = () => undefined) {
    this.#onFirstLines = onFirstLines
  }

  /** The heartbeat thread listens from now on. */
  open(onLines: LinesListener): void {
    this.#onLines = onLines
    if (this.#lines !== undefined) onLines(this.#number, this.#lines)
  }

  /**
   * Called when the right to heartbeat is taken back from the heartbeat thread, with the member
   * epoch that the coordinator told it last; undefined when it was told none.
   */
  onTakenBack(listener: (memberEpoch: number | undefined) => void): void {
    this.#onTakenBack = listener
  }

  /** How long the session is that is to be kept; undefined while there is none. */
  get sessionTimeoutMs(): number | undefined {
    return this.#lines?.sessionTimeoutMs
  }

  /** The coordinator counts the member in: in a new generation, or again. */
  begin(lines: HeartbeatSnapshot, { aliveAt, aliveAtByWall }: SessionTimes): void {
    this.board.reclaim()
    this.board.refusedIn = 0
    this.board.confirm(aliveAt, aliveAtByWall)
    this.change(lines)
    if (this.#hasLived) return
    this.#hasLived = true
    this.#onFirstLines()
  }

  /** The member stands for something else from now on. */
  change(lines: HeartbeatSnapshot): void {
    this.#lines = lines
    this.#number++
    this.board.lines = this.#number
    this.#onLines?.(this.#number, lines)
  }

  end(): void {
    this.#lines = undefined
    this.board.lines = NO_LINES
    this.board.reclaim()
  }

  /** The main loop turns: what the heartbeat thread hears from now on counts for nothing. */
  reclaim(): boolean {
    const term = this.board.reclaim()
    if (term === undefined) return false
    this.#onTakenBack?.(this.board.toldIn(term))
    return true
  }

  /** The main thread's own heartbeat, sent in this term, was acknowledged. */
  confirm(term: number, { aliveAt, aliveAtByWall }: SessionTimes): void {
    if (aliveAt > this.board.aliveAt) this.board.confirm(aliveAt, aliveAtByWall)
    if (term > this.board.refusedIn) this.board.refusedIn = 0
  }

  get term(): number {
    return this.board.term
  }

  /**
   * The heartbeat thread was told that the member is out: one heartbeat of our own says for sure.
   */
  get isInDoubt(): boolean {
    return this.board.refusedIn !== 0
  }
}
