/**
 * A pause that somebody forgot: the partition is paused, and what is written to it piles up. Its
 * lag is looked at with every look of the watchdog, and told when it first appears or grows, then
 * each time it has doubled: a long pause is told of a few times, not every minute.
 */
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

interface Seen {
  /** When it was told last; else when it was first looked at. */
  lag: number
  wasTold: boolean
  /** Of this pause alone: after a `resume` it begins anew. */
  readonly pauses: number
}

export class PausedLag {
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #seen = new WeakMap<PartitionReader, Seen>()

  constructor(emitter: TypedEmitter<ClientEvents>) {
    this.#emitter = emitter
  }

  /** A paused partition was looked at; its lag is null when its leader did not tell. */
  note(reader: PartitionReader, lag: number | null): void {
    if (lag === null) return
    const { pauses, topic, partition } = reader
    let seen = this.#seen.get(reader)
    if (seen?.pauses !== pauses) {
      seen = { lag, wasTold: false, pauses }
      this.#seen.set(reader, seen)
      return
    }
    const isDue = seen.wasTold ? lag >= seen.lag * 2 : lag > seen.lag
    if (!isDue || lag === 0) return
    const grownBy = lag - seen.lag
    seen.lag = lag
    seen.wasTold = true
    const advice =
      `${lag} records wait behind it, ${grownBy} more than before: call consumer.resume, or ` +
      'retention may take them unread.'
    this.#emitter.emit('pausedWithLag', { topic, partition, lag, grownBy, advice })
  }
}
