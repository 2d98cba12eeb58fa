/**
 * A committed offset never goes back, judged on every commit that a coordinator accepted and not on
 * what the client believes. Generations fence the commits of members that lost a partition, so this
 * holds across members, too; only a position that was reset (a seek, lost data), and said so,
 * begins anew.
 *
 * One thing a client cannot prevent: a commit that it gave up, and whose connection it closed, may
 * lie in the coordinator's queue and land behind a newer one. It counts on that (semantics S2): as
 * long as the member lives it puts the newer offset there again, before anybody starts from the
 * older one. Closing, it does so once more, and then it is gone: a static member leaves its place,
 * and with it the door, open.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Bounds, type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { seconds } from './disturbances.ts'

type Committed = EventOf<'committed'>

/** A newer offset that a late commit has covered up. */
interface Debt {
  readonly highest: Committed
  readonly late: Committed
}

export const commitsNeverDecrease: Checker = {
  name: 'commits-never-decrease',
  promise: 'A committed offset never decreases within a lineage.',
  check(events, bounds) {
    const book = new Book(bounds)
    for (const event of events) {
      if (book.violations.length >= MAX_VIOLATIONS) break
      book.enter(event)
    }
    book.close(events.at(-1)?.at ?? 0)
    return book.violations
  },
}

class Book {
  readonly violations: Violation[] = []
  readonly #bounds: Bounds
  readonly #highest = new Map<string, Committed>()
  readonly #debts = new Map<string, Debt>()
  /** Actors that have closed. */
  readonly #closed = new Set<string>()
  /** Actors that commit when their programs ask for it, be it long after a reset. */
  readonly #manual = new Set<string>()
  readonly #resets = new Map<string, EventOf<'positionReset'>[]>()

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  enter(event: HistoryEvent): void {
    switch (event.type) {
      case 'committed':
        // Of a log that is gone: whoever reads it sees that, and begins the new one.
        if (event.formerTopicId === undefined) this.#commit(event)
        return
      case 'recordsGone':
        if (event.cause === 'deleted') this.#forget(partitionName(event))
        return
      case 'memberStarted':
        if (event.commits === 'manual') this.#manual.add(event.actor)
        return
      case 'positionReset':
        this.#reset(event)
        return
      case 'assigned':
        for (const partition of event.partitions) {
          const debt = this.#debts.get(nameOf(event.groupId, partition))
          this.#debts.delete(nameOf(event.groupId, partition))
          if (debt !== undefined) this.#refuse(debt, `${event.actor} started from there`, event.at)
        }
        return
      case 'closed':
        this.#closed.add(event.actor)
        return
      case 'memberKilled':
      case 'memberFenced':
      case 'lost':
        // Who is dead, or out, cannot put anything right.
        for (const [name, { late }] of this.#debts) {
          if (late.clientId === event.actor) this.#forgive(name, late)
        }
        return
      default:
        return
    }
  }

  /** A topic takes its offsets with it. */
  #forget(partition: string): void {
    for (const map of [this.#highest, this.#debts]) {
      for (const name of map.keys()) if (name.endsWith(` ${partition}`)) map.delete(name)
    }
  }

  #reset(event: EventOf<'positionReset'>): void {
    const name = nameOf(event.groupId, event)
    const resets = this.#resets.get(name) ?? []
    resets.push(event)
    this.#resets.set(name, resets)
    this.#debts.delete(name)
  }

  #commit(event: Committed): void {
    const name = nameOf(event.groupId, event)
    const highest = this.#highest.get(name)
    if (highest === undefined || event.offset >= highest.offset) {
      this.#highest.set(name, event)
      const debt = this.#debts.get(name)
      this.#debts.delete(name)
      if (debt !== undefined) this.#checkDelay(debt, event.at)
      return
    }
    if (this.#isReset(name, event)) {
      this.#highest.set(name, event)
      return
    }
    const isLate =
      event.nodeId === highest.nodeId &&
      event.clientId === highest.clientId &&
      event.connectionId < highest.connectionId
    if (!isLate) this.#refuse({ highest, late: event })
    else if (this.#closed.has(event.clientId)) this.#forgive(name, event)
    else if (!this.#debts.has(name)) this.#debts.set(name, { highest, late: event })
  }

  /** The first commit of a new lineage; those of older ones may have been under way before it. */
  #isReset(name: string, { at, clientId, offset }: Committed): boolean {
    const resets = this.#resets.get(name) ?? []
    const index = resets.findIndex((reset) => {
      const isRecent = this.#manual.has(clientId) || at - reset.at <= this.#bounds.repairMs
      return isRecent && reset.actor === clientId && offset >= reset.offset
    })
    resets.splice(0, index + 1)
    return index >= 0
  }

  /** The lower offset is what counts from now on. */
  #forgive(name: string, late: Committed): void {
    this.#debts.delete(name)
    this.#highest.set(name, late)
  }

  #checkDelay(debt: Debt, at: number): void {
    const { repairMs } = this.#bounds
    if (at - debt.late.at <= repairMs) return
    this.#refuse(debt, `that was not put right within ${seconds(repairMs)}`)
  }

  close(at: number): void {
    for (const debt of this.#debts.values()) this.#refuse(debt, 'that was never put right', at)
  }

  #refuse({ highest, late }: Debt, what?: string, at = late.at): void {
    if (this.violations.length >= MAX_VIOLATIONS) return
    const text =
      `${partitionName(late)} of group ${late.groupId} was committed at ${highest.offset} by ` +
      `${highest.clientId} (generation ${highest.generationId}), then at ${late.offset} by ` +
      `${late.clientId} (generation ${late.generationId})${what === undefined ? '' : `; ${what}`}.`
    this.violations.push({ at, text })
  }
}

function nameOf(groupId: string, place: { topic: string; partition: number }): string {
  return `${groupId} ${partitionName(place)}`
}
