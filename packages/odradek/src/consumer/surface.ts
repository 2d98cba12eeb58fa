/**
 * What the ways to read (by record, by batch, by handler) share: only one may read at a time, the
 * first one joins the group, and all of them stop when the session is in doubt.
 */
import type { Environment } from '@odradek/environment'
import { UsageError } from '../errors/errors.ts'
import type { AnyRecord, Deliveries } from './deliveries.ts'

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
  mayDeliver(): boolean
}

export class Surface<Source extends RecordSource = Deliveries> {
  readonly deliveries: Source
  readonly #owner: SurfaceOwner<Source>
  #user: object | undefined
  /** Records whose partition was taken away while user code had them. */
  staleCount = 0

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
    this.#user = user
    this.#owner.start()
    return user
  }

  release(user: object): void {
    if (this.#user === user) this.#user = undefined
  }

  mayDeliver(): boolean {
    return this.#owner.mayDeliver()
  }

  noteStale(_record: AnyRecord): void {
    this.staleCount++
  }

  turn(): Promise<void> {
    return this.#owner.environment.timers.turn()
  }

  waitForRecords(): Promise<void> {
    return this.deliveries.wait()
  }
}
