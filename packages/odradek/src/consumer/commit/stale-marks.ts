/**
 * Marks that come too late: the record's partition went away, or was sought elsewhere, before user
 * code was done with it. They are never committed (a zombie's work must not count for whoever has
 * the partition now); here they are counted, and told, once for all of a turn of the event loop.
 */
import type { Environment } from '@odradek/environment'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { Lineage } from '../partition/position-epoch.ts'

interface Dropped {
  count: number
  from: number
  to: number
}

export class StaleMarkReporter {
  readonly #environment: Environment
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #groupId: string | undefined
  readonly #untold = new Map<Lineage, Dropped>()
  #total = 0

  constructor(
    environment: Environment,
    emitter: TypedEmitter<ClientEvents>,
    groupId: string | undefined,
  ) {
    this.#environment = environment
    this.#emitter = emitter
    this.#groupId = groupId
  }

  note(lineage: Lineage, offset: number): void {
    const dropped = this.#untold.get(lineage)
    if (dropped !== undefined) {
      dropped.count++
      dropped.from = Math.min(dropped.from, offset)
      dropped.to = Math.max(dropped.to, offset)
      return
    }
    if (this.#untold.size === 0) this.#environment.timers.soon(() => this.#tell())
    this.#untold.set(lineage, { count: 1, from: offset, to: offset })
  }

  #tell(): void {
    const untold = [...this.#untold]
    this.#untold.clear()
    for (const [{ topic, partition, endReason }, { count, from, to }] of untold) {
      this.#total += count
      const groupId = this.#groupId
      const reason = endReason ?? 'lost'
      const total = this.#total
      this.#emitter.emit('staleMarksIgnored', {
        groupId,
        topic,
        partition,
        reason,
        count,
        from,
        to,
        total,
      })
    }
  }
}
