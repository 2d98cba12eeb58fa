/**
 * The main thread's end of one member's board: it says who the member is, takes the right to
 * heartbeat back when the loop turns again, and reads what the understudy did meanwhile.
 */
import type { Life } from '../group/heartbeat-request.ts'
import { NO_GENERATION_ID, SessionBoard } from './session-board.ts'

export interface SessionTimes {
  readonly aliveAt: number
  readonly aliveAtByWall: number
}

export class Seat {
  readonly board = new SessionBoard()
  readonly #onFirstLife: () => void
  #onLife: ((life: Life) => void) | undefined
  #life: Life | undefined
  /** It has been counted in once. */
  hasLived = false

  /** `onFirstLife` is called once the member is counted in for the first time. */
  constructor(onFirstLife: () => void = () => undefined) {
    this.#onFirstLife = onFirstLife
  }

  /** The understudy listens from now on. */
  open(onLife: (life: Life) => void): void {
    this.#onLife = onLife
    if (this.#life !== undefined) onLife(this.#life)
  }

  /** A generation in which the member is counted in. */
  begin(life: Life, { aliveAt, aliveAtByWall }: SessionTimes): void {
    this.board.reclaim()
    this.#life = life
    this.board.refusedIn = 0
    this.board.confirm(aliveAt, aliveAtByWall)
    this.board.generationId = life.generationId
    this.#onLife?.(life)
    if (this.hasLived) return
    this.hasLived = true
    this.#onFirstLife()
  }

  end(): void {
    this.#life = undefined
    this.board.generationId = NO_GENERATION_ID
    this.board.reclaim()
  }

  /** The main loop turns: what the understudy hears from now on counts for nothing. */
  reclaim(): boolean {
    return this.board.reclaim()
  }

  /** The main thread's own heartbeat, sent in this term, was acknowledged. */
  confirm(term: number, { aliveAt, aliveAtByWall }: SessionTimes): void {
    if (aliveAt > this.board.aliveAt) this.board.confirm(aliveAt, aliveAtByWall)
    if (term > this.board.refusedIn) this.board.refusedIn = 0
  }

  get term(): number {
    return this.board.term
  }

  /** The understudy was told that the member is out: one heartbeat of our own says for sure. */
  get isInDoubt(): boolean {
    return this.board.refusedIn !== 0
  }
}
