/**
 * When a program stops reading, and for how long: its `run` fails for good, it leaves its loop, or
 * it does not come back from its loop's body. It reads on later, with the same consumer.
 */
import type { Chance } from '../plans/chance.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

/** The members that stop reading have this option; those with `run` leave without it. */
export const IDLE_AFTER_MS = 8000
/** The loop's tick, and what was processed is committed. */
const LEAVING_MS = 2000
const STEP_MS = 500
const LENGTH_MS = [20_000, 120_000] as const
const RECORDS_BETWEEN = [3, 30] as const

export type IdleWay = 'failed' | 'held' | 'left'

/** What ends a `run` for good. */
export class NoDatabase extends Error {
  constructor() {
    super('no database')
  }
}

export interface IdleParts {
  readonly stage: Stage
  readonly client: Client
  readonly groupId: string
  readonly chance: Chance
  readonly isClosing: () => boolean
}

export class IdleTimes {
  readonly #parts: IdleParts
  #timesLeft: number
  #recordsLeft: number

  constructor(parts: IdleParts) {
    this.#parts = parts
    this.#timesLeft = parts.chance.between(1, 2)
    this.#recordsLeft = parts.chance.between(...RECORDS_BETWEEN)
  }

  /** Whether the program stops reading with this record. */
  isDue(): boolean {
    if (this.#timesLeft === 0 || --this.#recordsLeft > 0) return false
    this.#timesLeft--
    this.#recordsLeft = this.#parts.chance.between(...RECORDS_BETWEEN)
    return true
  }

  /** Resolves when the program reads on, or closes. */
  async pass(way: IdleWay): Promise<void> {
    const { stage, client, groupId, chance, isClosing } = this.#parts
    if (isClosing()) return
    const { actor } = client
    const leavesWithinMs = LEAVING_MS + (way === 'failed' ? 0 : IDLE_AFTER_MS)
    const mayStay = way === 'left'
    stage.history.add({ type: 'readingStopped', actor, groupId, leavesWithinMs, mayStay })
    const steps = chance.between(...LENGTH_MS) / STEP_MS
    for (let step = 0; step < steps && !isClosing(); step++) await sleep(client, STEP_MS)
    if (!isClosing()) stage.history.add({ type: 'readingResumed', actor, groupId })
  }
}
