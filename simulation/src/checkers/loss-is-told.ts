/**
 * Records can be lost without a fault of the client's: retention takes what nobody has read yet,
 * and an unclean election what somebody has. Then it has to say so, exactly: what was acknowledged
 * and never processed is inside of a range that was told, and whatever is told is really gone.
 *
 * A topic that is deleted and made anew takes everything: a member that had read the former one
 * says so before it reads, or commits, anything of the new one, if it is the first of its group to
 * do that.
 *
 * Two things a group cannot know. Of a log that is truncated beyond what it has read it never knew;
 * and as long as it has committed nothing, it begins wherever the log does.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { TopicPartition } from '../history/topic-partition.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { SEEK } from './committed-was-processed.ts'
import { type GoneRecord, LogBook } from './log-book.ts'
import { StartBook } from './start-book.ts'

export const lossIsTold: Checker = {
  name: 'loss-is-told',
  promise: 'Whatever is lost is told, and whatever is told to be lost is really gone.',
  check(events) {
    // A real cluster does not tell what went when.
    if (!events.some(({ type }) => type === 'appended')) return []
    const ledger = new Ledger(new StartBook(events))
    for (const event of events) ledger.enter(event)
    ledger.close()
    return ledger.violations
  },
}

class Ledger {
  readonly violations: Violation[] = []
  readonly #book = new LogBook()
  readonly #starts: StartBook
  readonly #groups = new Map<string, Reading>()
  /** By partition: everything that ever went. */
  readonly #gone = new Map<string, EventOf<'recordsGone'>[]>()

  constructor(starts: StartBook) {
    this.#starts = starts
  }

  enter(event: HistoryEvent): void {
    this.#book.enter(event)
    switch (event.type) {
      case 'memberStarted':
        this.#group(event.groupId)
        return
      case 'recordsGone': {
        const name = partitionName(event)
        this.#gone.set(name, [...(this.#gone.get(name) ?? []), event])
        if (event.cause !== 'deleted') return
        for (const reading of this.#groups.values()) reading.beginAnew(event)
        return
      }
      case 'delivered':
        if (!this.#book.hasLostItsPlace(event.id)) this.#checkRemade(event, event.actor)
        this.#checkReturn(event)
        return
      case 'lost':
        for (const one of event.partitions) this.#group(event.groupId).lose(one, event.actor)
        return
      case 'rewound':
        this.#group(event.groupId).leave(event)
        return
      case 'positionReset':
        // Who seeks has not read what lies before.
        if (event.reason === SEEK) this.#group(event.groupId).leave(event)
        else this.#group(event.groupId).resets.push(event)
        return
      case 'processed':
        this.#group(event.groupId).process(event)
        return
      case 'committed':
        if (event.formerTopicId === undefined) this.#checkRemade(event, event.clientId)
        this.#group(event.groupId).commits.push(event)
        return
      case 'dataLoss':
        this.#group(event.groupId).losses.push(event)
        this.#checkTruth(event)
        return
      default:
        return
    }
  }

  close(): void {
    for (const [groupId, reading] of this.#groups) {
      for (const record of this.#book.allGone()) {
        if (record.gone.cause !== 'expired' || reading.isExcused(record)) continue
        const { id, offset, gone } = record
        if (this.#starts.mayLeaveOut(groupId, gone.topic, id)) continue
        this.#refuse(
          gone.at,
          `${id} went from offset ${offset} of ${partitionName(gone)} before group ${groupId} ` +
            'had processed it, and no member told of that.',
        )
      }
    }
  }

  /** Whoever is the first to go on in a topic that was made anew, and had read the former one. */
  #checkRemade(event: EventOf<'delivered' | 'committed'>, actor: string): void {
    const reading = this.#group(event.groupId)
    const untold = reading.open(event, actor)
    if (untold === undefined) return
    const did = event.type === 'delivered' ? 'got' : 'committed'
    this.#refuse(
      event.at,
      `${actor} had read ${partitionName(event)} before its topic was deleted (at ` +
        `${untold.at} ms), and ${did} offset ${event.offset} of the one that was made anew; ` +
        'nobody told of that.',
    )
  }

  /** Whoever gets something else at an offset that it had seen, or before, was told of a loss. */
  #checkReturn(event: EventOf<'delivered'>): void {
    const reading = this.#group(event.groupId)
    const former = reading.deliver(event)
    if (former === undefined || former.offset < event.offset) return
    // What is in its buffer is of the log as it was.
    if (this.#book.idAt(event, event.offset) !== event.id) return
    const record = this.#book.gone(former.id)
    if (record === undefined || record.gone.cause !== 'truncated') return
    const isTold = reading.losses.some(
      (loss) =>
        loss.at >= record.gone.at &&
        partitionName(loss) === partitionName(event) &&
        loss.from <= former.offset &&
        former.offset < loss.to,
    )
    if (isTold || event.offset < record.gone.from) return
    const what = `${event.actor} got ${former.id} at offset ${former.offset}`
    this.#refuse(
      event.at,
      `${what} of ${partitionName(event)}, and after a truncation ${event.id} at offset ` +
        `${event.offset}; it was told of no loss.`,
    )
  }

  #checkTruth(loss: EventOf<'dataLoss'>): void {
    const gone = this.#gone.get(partitionName(loss)) ?? []
    for (let offset = loss.from; offset < loss.to; offset++) {
      if (gone.some(({ from, to }) => from <= offset && offset < to)) continue
      const range = `${loss.from} to ${loss.to} of ${partitionName(loss)}`
      this.#refuse(loss.at, `${loss.actor} told that ${range} is lost; offset ${offset} is not.`)
      return
    }
  }

  #group(groupId: string): Reading {
    const reading = this.#groups.get(groupId) ?? new Reading()
    this.#groups.set(groupId, reading)
    return reading
  }

  #refuse(at: number, text: string): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ at, text })
  }
}

/** What one group has read, has committed, and has told. */
class Reading {
  readonly losses: EventOf<'dataLoss'>[] = []
  readonly resets: EventOf<'positionReset'>[] = []
  readonly commits: EventOf<'committed'>[] = []
  readonly #processed = new Set<string>()
  readonly #inHand = new Map<string, string>()
  /** By actor and partition: the furthest record that it got. */
  readonly #furthest = new Map<string, EventOf<'delivered'>>()

  /** By partition: deleted, and nobody of the group has begun what has its name since. */
  readonly #remade = new Map<string, EventOf<'recordsGone'>>()
  /** By partition: who got something of it before it was deleted. */
  readonly #witnesses = new Map<string, Set<string>>()
  /** By partition: who got something of it as it is. */
  readonly #readers = new Map<string, Set<string>>()

  beginAnew(deleted: EventOf<'recordsGone'>): void {
    const partition = partitionName(deleted)
    this.#remade.set(partition, deleted)
    const witnesses = this.#witnesses.get(partition) ?? new Set()
    this.#witnesses.set(partition, witnesses)
    for (const actor of this.#readers.get(partition) ?? []) {
      witnesses.add(actor)
      this.#furthest.delete(`${actor} ${partition}`)
    }
    this.#readers.delete(partition)
  }

  /** Begins what was made anew; gives the deletion when this member knew, and nobody told of it. */
  open(
    place: EventOf<'delivered' | 'committed'>,
    actor: string,
  ): EventOf<'recordsGone'> | undefined {
    const partition = partitionName(place)
    const deleted = this.#remade.get(partition)
    if (deleted === undefined) return undefined
    this.#remade.delete(partition)
    if (this.#witnesses.get(partition)?.has(actor) !== true) return undefined
    const isTold = [...this.resets, ...this.losses].some(
      (told) => told.at >= deleted.at && partitionName(told) === partition,
    )
    return isTold ? undefined : deleted
  }

  /** Gives the furthest record that the same member had got before. */
  deliver(event: EventOf<'delivered'>): EventOf<'delivered'> | undefined {
    const name = `${event.actor} ${partitionName(event)}`
    this.#inHand.set(`${name} ${event.offset}`, event.id)
    const partition = partitionName(event)
    const readers = this.#readers.get(partition) ?? new Set()
    this.#readers.set(partition, readers.add(event.actor))
    const former = this.#furthest.get(name)
    if (former === undefined || former.offset <= event.offset) this.#furthest.set(name, event)
    return former
  }

  /** The next record that it gets is another. */
  leave(event: TopicPartition & { readonly actor: string }): void {
    this.#furthest.delete(`${event.actor} ${partitionName(event)}`)
  }

  /** It begins again where the group is: what it had beyond that is another's to read. */
  lose(place: TopicPartition, actor: string): void {
    const name = partitionName(place)
    const furthest = this.#furthest.get(`${actor} ${name}`)
    const committed = this.commits.findLast((one) => partitionName(one) === name)
    if (furthest !== undefined && furthest.offset >= (committed?.offset ?? 0)) {
      this.leave({ ...place, actor })
    }
  }

  process(event: EventOf<'processed'>): void {
    const id = this.#inHand.get(`${event.actor} ${partitionName(event)} ${event.offset}`)
    if (id !== undefined) this.#processed.add(id)
  }

  isExcused({ id, offset, gone }: GoneRecord): boolean {
    if (this.#processed.has(id)) return true
    const name = partitionName(gone)
    const isTold = this.losses.some(
      ({ at, from, to, ...place }) =>
        at >= gone.at && partitionName(place) === name && from <= offset && offset < to,
    )
    return isTold || !this.commits.some((one) => one.at <= gone.at && partitionName(one) === name)
  }
}
