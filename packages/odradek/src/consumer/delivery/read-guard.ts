/**
 * What the ways to read (by record, by batch, by handler) share: only one may read at a time, the
 * first one joins the group, and all of them stop when the session is in doubt.
 */
import type { Environment } from '@odradek/environment'
import { UsageError } from '../../errors/errors.ts'
import type { Deliveries } from './fetch-buffer.ts'
import type { Lineage } from '../partition/position-epoch.ts'
import type { Occupant } from './in-flight-records.ts'

/** Where records come from: of a consumer its `Deliveries`, of a share consumer its buffer. */
export interface RecordSource {
  /** Resolves when it makes sense to ask again. */
  wait(): Promise<void>
}

export interface SurfaceOwner<Source extends RecordSource = Deliveries> {
  readonly environment: Environment
  readonly deliveries: Source
  /** Begins to join, at the first use. */
  start(): void
  mayDeliver(now: number): boolean
  /** User code asks for more, or a handler settled: it is alive. */
  userReturned?(): void
  /** A record was said to be processed after its lineage had ended. */
  noteDropped?(lineage: Lineage, offset: number): void
}

const RESOLVED = Promise.resolve()

export class Surface<Source extends RecordSource = Deliveries> {
  readonly deliveries: Source
  readonly #owner: SurfaceOwner<Source>
  #user: object | undefined
  /** When `mayDeliver` was last asked, by the monotonic clock: about now, while records flow. */
  checkedAt = 0
  #turnedAt = 0
  #isJustChecked = false
  readonly #forgetCheck = (): void => {
    this.#isJustChecked = false
  }
  constructor(owner: SurfaceOwner<Source>) {
    this.#owner = owner
    this.deliveries = owner.deliveries
  }

  /** Whether somebody reads. */
  get isOccupied(): boolean {
    return this.#user !== undefined
  }

  /** Takes the one place there is. */
  occupy<T extends object>(user: T): T {
    if (this.#user !== undefined) {
      throw new UsageError(
        'This consumer is being read already. End that loop (or run) first, or make another ' +
          'consumer: two readers would mark each other’s records as processed.',
      )
    }
    // A closed consumer refuses; then the place is not taken.
    this.#owner.start()
    this.#user = user
    return user
  }

  release(user: object): void {
    if (this.#user === user) this.#user = undefined
  }

  /** Who reads. */
  get user(): object | undefined {
    return this.#user
  }

  /** Who reads, as far as it can tell what user code has in hand. */
  get occupant(): Occupant | undefined {
    return this.#user as Occupant | undefined
  }

  get now(): number {
    return this.#owner.environment.clock.monotonic()
  }

  /**
   * The same for a loop that may run on without waiting for anything: then it has just been asked,
   * and there is no need to look at the clock between two records.
   */
  mayGoOn(): boolean {
    if (this.#isJustChecked) return true
    if (!this.mayDeliver()) return false
    this.#isJustChecked = true
    void RESOLVED.then(this.#forgetCheck)
    return true
  }

  /** Asked before each delivery. */
  mayDeliver(): boolean {
    this.checkedAt = this.now
    return this.#owner.mayDeliver(this.checkedAt)
  }

  /** Records were handed out for so long without a turn of the loop that it needs one. */
  get isTurnDue(): boolean {
    return this.checkedAt - this.#turnedAt > MAX_MS_WITHOUT_TURN
  }

  userReturned(): void {
    this.#owner.userReturned?.()
  }

  /** User code is done with a record whose partition was taken away meanwhile. */
  noteStale({ lineage, offset }: { readonly lineage: Lineage; readonly offset: number }): void {
    this.#owner.noteDropped?.(lineage, offset)
  }

  async turn(): Promise<void> {
    await this.#owner.environment.timers.turn()
    this.#turnedAt = this.now
  }

  async waitForRecords(): Promise<void> {
    await this.deliveries.wait()
    this.#turnedAt = this.now
  }
}

/** Slow handlers without a promise must not keep timers and sockets waiting for longer. */
const MAX_MS_WITHOUT_TURN = 100
