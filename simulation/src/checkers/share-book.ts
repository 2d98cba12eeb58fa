/**
 * What share groups have of each record while a history goes on: who has it under a lock, by the
 * word of the partition's leader, what user code said of it, and what became of it in the end. A
 * new leader knows of no locks, and neither does a group that everybody has left.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { TopicPartition } from '../history/topic-partition.ts'
import { partitionName } from '../history/history.ts'
import type { ShareOutcome } from '../history/share-event.ts'

type Change = EventOf<'shareChanged'>
export type Final = 'accepted' | 'rejected' | 'exhausted'

/** One delivery of one record. */
export interface Lock {
  readonly at: number
  readonly memberId: string
  /** The member's name, if it is known. */
  readonly actor: string
  readonly deliveryCount: number
  /** How it ended; undefined while it holds. `moved`: the leader did, or the group was left. */
  end: Change['what'] | 'moved' | undefined
  /** User code got the record. */
  taken: EventOf<'shareTaken'> | undefined
  /** Whatever user code has said since then. */
  readonly said: Set<ShareOutcome>
}

export class SharedRecord {
  readonly groupId: string
  readonly place: TopicPartition
  readonly offset: number
  /** The delivery under way. */
  lock: Lock | undefined
  /** By actor: its last delivery of this record. */
  readonly locks = new Map<string, Lock>()
  /** The log has lost it, and may have another one in its place. */
  isGone = false
  /** How many deliveries count. */
  deliveries = 0
  final: Final | undefined
  /** A word that ends it, of which the client said that it counts. */
  confirmed: EventOf<'shareConfirmed'> | undefined

  constructor(groupId: string, place: TopicPartition, offset: number) {
    this.groupId = groupId
    this.place = place
    this.offset = offset
  }

  get name(): string {
    return `offset ${this.offset} of ${partitionName(this.place)}`
  }
}

export class ShareBook {
  readonly #actors = new Map<string, string>()
  /** By group and partition, then by offset. */
  readonly #partitions = new Map<string, Map<number, SharedRecord>>()

  enter(event: HistoryEvent): void {
    switch (event.type) {
      case 'group':
        if (event.protocol === 'share') this.#follow(event)
        return
      case 'leader':
        this.#forgetLocks((name) => name.endsWith(` ${partitionName(event)}`))
        return
      case 'recordsGone':
        this.#lose(event)
        return
      case 'shareChanged':
        for (const record of this.changed(event)) this.#change(record, event)
        return
      case 'shareTaken': {
        const lock = this.record(event, event.offset).locks.get(event.actor)
        if (lock !== undefined) lock.taken = event
        return
      }
      case 'shareSaid':
        this.record(event, event.offset).locks.get(event.actor)?.said.add(event.outcome)
        return
      case 'shareConfirmed':
        if (event.outcome !== 'release') confirm(this.record(event, event.offset), event)
        return
      default:
        return
    }
  }

  record(place: TopicPartition & { readonly groupId: string }, offset: number): SharedRecord {
    const name = `${place.groupId} ${partitionName(place)}`
    const records = this.#partitions.get(name) ?? new Map<number, SharedRecord>()
    this.#partitions.set(name, records)
    const known = records.get(offset)
    if (known !== undefined) return known
    const record = new SharedRecord(place.groupId, place, offset)
    records.set(offset, record)
    return record
  }

  changed(event: Change): readonly SharedRecord[] {
    return Array.from({ length: event.lastOffset - event.firstOffset + 1 }, (_, index) =>
      this.record(event, event.firstOffset + index),
    )
  }

  actorOf(memberId: string): string {
    return this.#actors.get(memberId) ?? memberId
  }

  #follow({ groupId, state, members }: EventOf<'group'>): void {
    for (const { memberId, clientId } of members) this.#actors.set(memberId, clientId)
    if (state === 'Empty') this.#forgetLocks((name) => name.startsWith(`${groupId} `))
  }

  #forgetLocks(isOf: (name: string) => boolean): void {
    for (const [name, records] of this.#partitions) {
      if (!isOf(name)) continue
      for (const record of records.values()) endLock(record, 'moved')
    }
  }

  #lose(gone: EventOf<'recordsGone'>): void {
    for (const [name, records] of this.#partitions) {
      if (!name.endsWith(` ${partitionName(gone)}`)) continue
      for (const [offset, record] of records) {
        if (gone.from <= offset && offset < gone.to) loseRecord(record)
      }
    }
  }

  #change(record: SharedRecord, { at, what, memberId, deliveryCount }: Change): void {
    switch (what) {
      case 'acquired': {
        const actor = this.actorOf(memberId)
        const lock: Lock = {
          ...{ at, memberId, actor, deliveryCount, end: undefined, taken: undefined },
          said: new Set(),
        }
        record.lock = lock
        record.locks.set(actor, lock)
        return
      }
      case 'released':
      case 'expired':
        record.deliveries = record.lock?.deliveryCount ?? record.deliveries
        endLock(record, what)
        return
      case 'accepted':
      case 'rejected':
        endLock(record, what)
        record.final ??= what
        return
      case 'exhausted':
        record.final ??= what
        return
      case 'renewed':
        return
    }
  }
}

/** A word about what the log has lost says nothing of what came in its place. */
function confirm(record: SharedRecord, event: EventOf<'shareConfirmed'>): void {
  if (!record.isGone) record.confirmed ??= event
}

/** Whoever has it in a buffer may still hand it out. */
function loseRecord(record: SharedRecord): void {
  endLock(record, 'moved')
  record.isGone = true
  record.deliveries = 0
  record.final = undefined
  record.confirmed = undefined
}

function endLock(record: SharedRecord, end: Lock['end']): void {
  if (record.lock !== undefined) record.lock.end = end
  record.lock = undefined
}
