/**
 * Handlers at work side by side. With order by key, records of one key are in one lane, one after
 * the other, and so are a partition's records without a key; without order any free lane will do.
 * At most so many records wait in lanes as keep every lane busy: the rest stays where it is.
 */
import { murmur2 } from '@odradek/protocol'
import type { AnyRecord } from './fetch-buffer.ts'

interface Job {
  readonly record: AnyRecord
  readonly done: (isProcessed: boolean) => void
}

interface Lane {
  readonly queue: Job[]
  isBusy: boolean
}

/** Records that may wait, for each lane: enough for uneven keys, few enough to stop soon. */
const QUEUED_PER_LANE = 16

export class Lanes {
  readonly #lanes: readonly Lane[]
  readonly #order: 'key' | 'none'
  readonly #work: (record: AnyRecord) => boolean | Promise<boolean>
  readonly #limit: number
  #count = 0
  #next = 0
  #room: (() => void) | undefined
  #idle: (() => void) | undefined

  constructor(
    count: number,
    order: 'key' | 'none',
    work: (record: AnyRecord) => boolean | Promise<boolean>,
  ) {
    this.#lanes = Array.from({ length: count }, () => ({ queue: [], isBusy: false }))
    this.#order = order
    this.#work = work
    this.#limit = order === 'key' ? count * QUEUED_PER_LANE : count
  }

  /** Deals a record out; a promise when the next one has to wait until there is room. */
  push(record: AnyRecord, done: (isProcessed: boolean) => void): Promise<void> | undefined {
    const lane = this.#laneFor(record)
    this.#count++
    lane.queue.push({ record, done })
    if (!lane.isBusy) this.#workOff(lane)
    if (this.#count < this.#limit) return undefined
    return new Promise((resolve) => {
      this.#room = resolve
    })
  }

  /** Resolves when every lane is empty. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  #laneFor(record: AnyRecord): Lane {
    const count = this.#lanes.length
    if (this.#order === 'key') {
      const key = record.rawKey
      const hash = mix(key === null ? record.partition : murmur2(key))
      return this.#lanes[hash % count] as Lane
    }
    for (let tried = 0; tried < count; tried++) {
      const lane = this.#lanes[this.#next] as Lane
      this.#next = (this.#next + 1) % count
      if (!lane.isBusy) return lane
    }
    return this.#lanes[this.#next] as Lane
  }

  #workOff(lane: Lane): void {
    lane.isBusy = true
    for (;;) {
      const job = lane.queue.shift()
      if (job === undefined) break
      const outcome = this.#work(job.record)
      if (typeof outcome !== 'boolean') {
        outcome.then(
          (isProcessed) => {
            this.#finish(job, isProcessed)
            this.#workOff(lane)
          },
          () => {
            this.#finish(job, false)
            this.#workOff(lane)
          },
        )
        return
      }
      this.#finish(job, outcome)
    }
    lane.isBusy = false
  }

  #finish(job: Job, isProcessed: boolean): void {
    job.done(isProcessed)
    this.#count--
    if (this.#count < this.#limit && this.#room !== undefined) {
      const room = this.#room
      this.#room = undefined
      room()
    }
    if (this.#count === 0) {
      this.#idle?.()
      this.#idle = undefined
    }
  }
}

/**
 * The finalizer of murmur3. The keys of one partition have the same murmur2 hash modulo the number
 * of partitions: without it they would share the lanes that have the same remainder.
 */
function mix(hash: number): number {
  let mixed = hash
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
