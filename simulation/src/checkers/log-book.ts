/**
 * The logs as they are while a history goes on: what each offset holds, and which records had a
 * place and have it no more, because the end of a log was truncated, its start expired, or the
 * topic was deleted.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { TopicPartition } from '../history/topic-partition.ts'
import { partitionName } from '../history/history.ts'

type Gone = EventOf<'recordsGone'>

export interface GoneRecord {
  readonly id: string
  readonly offset: number
  readonly gone: Gone
}

/** One partition. */
class Log {
  readonly records = new Map<number, string>()
  /** Behind the last record. */
  end = 0
}

export class LogBook {
  readonly #logs = new Map<string, Log>()
  readonly #gone = new Map<string, GoneRecord>()

  enter(event: HistoryEvent): void {
    if (event.type === 'appended') {
      const log = this.#log(event)
      event.ids.forEach((id, index) => {
        log.records.set(event.baseOffset + index, id)
        this.#gone.delete(id)
      })
      log.end = Math.max(log.end, event.baseOffset + event.ids.length)
    } else if (event.type === 'recordsGone') this.#remove(event)
  }

  #remove(gone: Gone): void {
    const log = this.#log(gone)
    for (let offset = gone.from; offset < gone.to; offset++) {
      const id = log.records.get(offset)
      if (id === undefined) continue
      log.records.delete(offset)
      this.#gone.set(id, { id, offset, gone })
    }
    if (gone.cause === 'expired') return
    log.end = gone.from
    if (gone.cause === 'deleted') this.#forgetCauses(gone)
  }

  /** What the log had lost before it went is gone with it. */
  #forgetCauses(deleted: Gone): void {
    const name = partitionName(deleted)
    for (const [id, { offset, gone }] of this.#gone) {
      if (partitionName(gone) === name) this.#gone.set(id, { id, offset, gone: deleted })
    }
  }

  #log(place: TopicPartition): Log {
    const name = partitionName(place)
    const log = this.#logs.get(name) ?? new Log()
    this.#logs.set(name, log)
    return log
  }

  idAt(place: TopicPartition, offset: number): string | undefined {
    return this.#logs.get(partitionName(place))?.records.get(offset)
  }

  endOf(place: TopicPartition): number {
    return this.#logs.get(partitionName(place))?.end ?? 0
  }

  /** Where the record was, if it is in no log any more. */
  gone(id: string): GoneRecord | undefined {
    return this.#gone.get(id)
  }

  /** Whether another record may have the offset that this one had. */
  hasLostItsPlace(id: string): boolean {
    const { cause } = this.#gone.get(id)?.gone ?? {}
    return cause === 'truncated' || cause === 'deleted'
  }

  /** Whether what a member got is of the log as it is, and not of one that it was. */
  isCurrent({ offset, id, ...place }: TopicPartition & { offset: number; id: string }): boolean {
    return this.idAt(place, offset) === id
  }

  allGone(): IterableIterator<GoneRecord> {
    return this.#gone.values()
  }
}

export function bookOf(events: readonly HistoryEvent[]): LogBook {
  const book = new LogBook()
  for (const event of events) book.enter(event)
  return book
}
