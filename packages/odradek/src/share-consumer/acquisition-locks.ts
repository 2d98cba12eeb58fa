/**
 * Everything that is acquired from one broker and not settled: by offset, and with an eye on the
 * clock. Pure bookkeeping: `check` says which locks are to be renewed and which are gone.
 */
import type { AssignedPartition } from '../groups/shell/membership.ts'
import type { Hold } from './acquired-record.ts'
import { idPartitionKey } from '../groups/shell/membership.ts'

export interface HoldsOwner {
  /** Whether this lock may be kept for longer. */
  mayRenew(hold: Hold, now: number): boolean
  /** Whether what is buffered is going to be read. */
  isWanted(): boolean
}

export interface DueLocks {
  readonly renewals: readonly Hold[]
  /** Gone for certain, and taken out. */
  readonly expired: readonly Hold[]
}

const NOTHING_DUE: DueLocks = { renewals: [], expired: [] }

export class Holds {
  readonly #owner: HoldsOwner
  readonly #byPartition = new Map<string, Map<number, Hold>>()
  #count = 0
  /** Nothing is due before. */
  nextCheckAt = Number.POSITIVE_INFINITY

  constructor(owner: HoldsOwner) {
    this.#owner = owner
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Answers what was held at this offset before: the record was delivered anew. */
  add(hold: Hold): Hold | undefined {
    const key = idPartitionKey(hold.partition)
    let holds = this.#byPartition.get(key)
    if (holds === undefined) {
      holds = new Map()
      this.#byPartition.set(key, holds)
    }
    const before = holds.get(hold.offset)
    if (before === undefined) this.#count++
    holds.set(hold.offset, hold)
    this.recheck(hold)
    return before
  }

  /** The times of a hold have changed. */
  recheck(hold: Hold): void {
    this.nextCheckAt = Math.min(this.nextCheckAt, hold.renewAt)
  }

  delete(hold: Hold): void {
    const key = idPartitionKey(hold.partition)
    const holds = this.#byPartition.get(key)
    if (holds?.get(hold.offset) !== hold) return
    holds.delete(hold.offset)
    this.#count--
    if (holds.size === 0) this.#byPartition.delete(key)
    if (this.#count === 0) this.nextCheckAt = Number.POSITIVE_INFINITY
  }

  of(partition: AssignedPartition): readonly Hold[] {
    return [...(this.#byPartition.get(idPartitionKey(partition))?.values() ?? [])]
  }

  all(): readonly Hold[] {
    return [...this.#byPartition.values()].flatMap((holds) => [...holds.values()])
  }

  check(now: number): DueLocks {
    if (now < this.nextCheckAt) return NOTHING_DUE
    const renewals: Hold[] = []
    const expired: Hold[] = []
    let next = Number.POSITIVE_INFINITY
    for (const hold of this.all()) {
      const goneAt = goneFrom(hold)
      if (goneAt <= now) expired.push(hold)
      else if (!hold.isOpen) next = Math.min(next, goneAt)
      else if (hold.renewAt > now) next = Math.min(next, hold.renewAt)
      else {
        // Too late is too late: a broker that is through with a record renews it for anybody.
        const isSafe = now < hold.safeUntil && hold.isRenewable
        if (isSafe && this.#owner.mayRenew(hold, now)) renewals.push(hold)
        next = Math.min(next, goneAt)
      }
    }
    for (const hold of expired) this.delete(hold)
    this.nextCheckAt = next
    return { renewals, expired }
  }

  /** Only what nobody is going to read is held, and its locks are half over. */
  areUnwanted(now: number): boolean {
    if (this.isEmpty || this.#owner.isWanted()) return false
    return this.all().every(({ stage, renewAt }) => stage === 'buffered' && renewAt <= now)
  }
}

/**
 * What was told is for the broker to judge, whatever the clock says; but not for ever.
 */
function goneFrom({ stage, lostAt, lockMs }: Hold): number {
  return stage === 'acknowledging' ? lostAt + lockMs : lostAt
}
