/**
 * A commit says that everything before it is processed, so it must be: by whichever member of the
 * group. What is gone from the log is excused here (`loss-is-told` has an eye on it).
 *
 * When a log loses its end, members that have read it go on with what they have, until they hear of
 * it and say so; what they commit until then is of the log as it was. A topic that is made anew is
 * told apart by its id, which travels with commits: those of the former one are not judged.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { LogBook } from './log-book.ts'
import { StartBook } from './start-book.ts'

type Committed = EventOf<'committed'>
type OfGroup = EventOf<'delivered' | 'processed' | 'committed' | 'positionReset'>

/** What the client gives for a reason when the user said from where to read on. */
export const SEEK = 'seek'

/** One partition, as one group has read it. */
class Reading {
  readonly #done = new Set<number>()
  /** Everything before is processed or excused. */
  #verifiedUpTo = 0
  /** What members got, by member and offset. */
  readonly #inHand = new Map<string, string>()
  /** From here on the log was another one once. */
  #truncatedFrom = Number.POSITIVE_INFINITY
  /** Members that had something of that log, and have not heard that it is gone. */
  readonly #unaware = new Set<string>()
  /** Who has heard of it, and where it reads on: once that is committed it is aware. */
  readonly #heard = new Map<string, number>()
  readonly #aware = new Set<string>()
  #committed = 0

  deliver({ actor, offset, id }: EventOf<'delivered'>, book: LogBook): void {
    this.#inHand.set(`${actor} ${offset}`, id)
    if (book.gone(id)?.gone.cause === 'truncated') this.#unaware.add(actor)
  }

  process(event: EventOf<'processed'>, book: LogBook): void {
    const { actor, offset } = event
    const id = this.#inHand.get(`${actor} ${offset}`)
    // Not of a log that is gone.
    if (id === undefined || id === book.idAt(event, offset)) this.#done.add(offset)
  }

  truncate({ from }: EventOf<'recordsGone'>): void {
    this.#truncatedFrom = from
    this.#verifiedUpTo = Math.min(this.#verifiedUpTo, from)
    this.#aware.clear()
    this.#heard.clear()
    for (const offset of this.#done) if (offset >= from) this.#done.delete(offset)
    for (const place of this.#inHand.keys()) {
      const [actor = '', offset] = place.split(' ')
      if (Number(offset) >= from) this.#unaware.add(actor)
    }
  }

  /** Another log of the same name; what is in hand is of the former one. */
  beginAnew(): void {
    this.#done.clear()
    this.#verifiedUpTo = 0
    this.#truncatedFrom = Number.POSITIVE_INFINITY
    this.#committed = 0
    for (const actors of [this.#unaware, this.#heard, this.#aware]) actors.clear()
  }

  /** It reads on at the new end, or before it; what it has said until then may be under way. */
  hear({ actor, offset }: EventOf<'positionReset'>): void {
    if (offset <= this.#truncatedFrom) this.#heard.set(actor, offset)
  }

  isOfOldLog({ clientId, offset }: Committed): boolean {
    if (offset <= this.#truncatedFrom || this.#aware.has(clientId)) return false
    // It had read of it, or it began where one that had read of it left off.
    return this.#unaware.has(clientId) || this.#committed > this.#truncatedFrom
  }

  commit({ clientId, offset }: Committed): void {
    if (this.#heard.get(clientId) === offset) {
      this.#aware.add(clientId)
      this.#unaware.delete(clientId)
    }
    this.#committed = offset
  }

  /** The first offset before the commit with a record that is not processed. */
  firstUnprocessed(
    commit: Committed,
    { book, starts }: { readonly book: LogBook; readonly starts: StartBook },
  ): number | undefined {
    while (this.#verifiedUpTo < commit.offset) {
      const offset = this.#verifiedUpTo
      const id = book.idAt(commit, offset)
      const isMissing = id !== undefined && !this.#done.has(offset)
      if (isMissing && !starts.mayLeaveOut(commit.groupId, commit.topic, id)) return offset
      this.#verifiedUpTo++
    }
    return undefined
  }
}

export const committedWasProcessed: Checker = {
  name: 'committed-was-processed',
  promise: 'Nothing is committed before it is processed.',
  check(events) {
    const book = new LogBook()
    const readings = new Readings()
    const starts = new StartBook(events)
    const violations: Violation[] = []
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      book.enter(event)
      readings.enter(event, book)
      if (event.type !== 'committed') continue
      const reading = readings.of(event)
      const problem = problemWith(event, { book, starts }, reading)
      if (event.formerTopicId === undefined) reading.commit(event)
      if (problem !== undefined) violations.push({ at: event.at, text: problem })
    }
    return violations
  },
}

class Readings {
  readonly #readings = new Map<string, Reading>()
  /** The last of each partition: a group that comes to it later may still have fetched before. */
  readonly #truncations = new Map<string, EventOf<'recordsGone'>>()

  of(event: OfGroup): Reading {
    const partition = partitionName(event)
    const name = `${event.groupId} ${partition}`
    const known = this.#readings.get(name)
    if (known !== undefined) return known
    const reading = new Reading()
    this.#readings.set(name, reading)
    const truncation = this.#truncations.get(partition)
    if (truncation !== undefined) reading.truncate(truncation)
    return reading
  }

  enter(event: HistoryEvent, book: LogBook): void {
    if (event.type === 'delivered') this.of(event).deliver(event, book)
    else if (event.type === 'processed') this.of(event).process(event, book)
    else if (event.type === 'positionReset') {
      // A seek says nothing of the log.
      if (event.reason !== SEEK) this.of(event).hear(event)
    } else if (event.type === 'recordsGone' && event.cause !== 'expired') this.#lose(event)
  }

  #lose(event: EventOf<'recordsGone'>): void {
    const partition = partitionName(event)
    const isDeleted = event.cause === 'deleted'
    if (isDeleted) this.#truncations.delete(partition)
    else this.#truncations.set(partition, event)
    for (const [name, reading] of this.#readings) {
      if (!name.endsWith(` ${partition}`)) continue
      if (isDeleted) reading.beginAnew()
      else reading.truncate(event)
    }
  }
}

function problemWith(
  event: Committed,
  books: { readonly book: LogBook; readonly starts: StartBook },
  reading: Reading,
): string | undefined {
  if (event.formerTopicId !== undefined || reading.isOfOldLog(event)) return undefined
  const what =
    `${event.clientId} (generation ${event.generationId}) committed ${event.offset} of ` +
    `${partitionName(event)} for group ${event.groupId}`
  const end = books.book.endOf(event)
  if (event.offset > end) return `${what}, and the log ends at ${end}.`
  const missing = reading.firstUnprocessed(event, books)
  return missing === undefined ? undefined : `${what}, and offset ${missing} was not processed.`
}
