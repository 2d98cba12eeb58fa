/**
 * What all loops over records or batches have in common: items are requested one at a time, the
 * event loop gets its turn, an end or an error ends the loop, and `return` ends it at once.
 */
import { UsageError } from '../../errors/errors.ts'
import type { RecordSource, Surface } from './read-guard.ts'

/** A loop of settled promises never lets timers and sockets have their turn: this often it does. */
export const RECORDS_PER_TURN = 1000

export interface EndingSource extends RecordSource {
  readonly hasEnded: boolean
  recheck(): void
}

type Done = { readonly done: true; readonly value: undefined }
const DONE: Done = { done: true, value: undefined }

export abstract class SerialIterator<Item, Source extends EndingSource> {
  protected readonly surface: Surface<Source>
  protected isPending = false
  protected isDone = false
  /** Items since the event loop last had its turn. */
  protected sinceTurn = 0

  constructor(surface: Surface<Source>) {
    this.surface = surface
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next item, delivered; undefined when there is none right now. */
  protected abstract take(): Item | undefined

  /** The error for a `next()` while another one is pending. */
  protected refusal(meaning: string): UsageError {
    return new UsageError(
      `next() was called while another next() is pending. ${meaning}, so call it one at a time.`,
    )
  }

  protected get isTurnDue(): boolean {
    return this.sinceTurn >= RECORDS_PER_TURN || this.surface.isTurnDue
  }

  /** The next item as soon as there is one. */
  protected async waitForNext(): Promise<IteratorResult<Item, undefined>> {
    const { surface } = this
    this.isPending = true
    surface.userReturned()
    try {
      for (;;) {
        if (this.isTurnDue) {
          this.sinceTurn = 0
          await surface.turn()
        }
        // Returned while it waited.
        if (this.isDone) return DONE
        const item = this.take()
        if (item !== undefined) return { done: false, value: item }
        if (surface.deliveries.hasEnded) return this.finish()
        await surface.waitForRecords()
      }
    } catch (error) {
      this.finish()
      throw error
    } finally {
      this.isPending = false
    }
  }

  protected finish(): Done {
    this.isDone = true
    this.surface.release(this)
    return DONE
  }

  /** What `return` does last: a `next()` that waits ends, too. */
  protected end(): Promise<Done> {
    const last = this.finish()
    if (this.isPending) this.surface.deliveries.recheck()
    return Promise.resolve(last)
  }
}
