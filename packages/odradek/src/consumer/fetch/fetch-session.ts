/**
 * A fetch session with one broker (KIP-227): the broker remembers which partitions are wanted and
 * from where, and a request says only what changed. Pure bookkeeping: `next` proposes a request,
 * and only an accepted answer makes it the broker's knowledge.
 *
 * | epoch | meaning |
 * |-------|---------|
 * | 0     | all partitions follow; a new session, in place of the one with `sessionId` if any |
 * | n > 0 | what changed since n - 1; wraps to 1 |
 * | -1    | no session: all partitions follow each time |
 */
export interface FetchTarget {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly fetchOffset: number
  readonly currentLeaderEpoch: number
  readonly lastFetchedEpoch: number
  readonly partitionMaxBytes: number
}

export interface FetchPlan {
  readonly sessionId: number
  readonly sessionEpoch: number
  /** What the request names. */
  readonly named: readonly FetchTarget[]
  readonly forgotten: readonly FetchTarget[]
  /** Everything that is wanted: what the answer may speak of. */
  readonly wanted: ReadonlyMap<string, FetchTarget>
}

const MAX_EPOCH = 0x7fff_ffff

export class FetchSession {
  #id = 0
  #epoch = 0
  #known: ReadonlyMap<string, FetchTarget> = new Map()

  next(targets: readonly FetchTarget[]): FetchPlan {
    const wanted = new Map(targets.map((target) => [keyOf(target), target]))
    if (this.#epoch <= 0) {
      return { sessionId: this.#id, sessionEpoch: 0, named: targets, forgotten: [], wanted }
    }
    const named = targets.filter((target) => !isSame(this.#known.get(keyOf(target)), target))
    const forgotten = [...this.#known].filter(([key]) => !wanted.has(key)).map(([, one]) => one)
    return { sessionId: this.#id, sessionEpoch: this.#epoch, named, forgotten, wanted }
  }

  /** The broker answered without a session error. */
  accepted(plan: FetchPlan, sessionId: number): void {
    if (sessionId === 0) {
      // The broker keeps no session for us: everything is named each time.
      this.reset()
      return
    }
    this.#id = sessionId
    this.#epoch = plan.sessionEpoch >= MAX_EPOCH ? 1 : Math.max(plan.sessionEpoch, 0) + 1
    this.#known = plan.wanted
  }

  /** The broker does not know the session any more. */
  reset(): void {
    this.#id = 0
    this.#epoch = 0
    this.#known = new Map()
  }

  /** What the broker made of the last request is unknown: a new session replaces this one. */
  restart(): void {
    this.#epoch = 0
    this.#known = new Map()
  }

  /** The id to close with (epoch -1), if there is a session. */
  get openId(): number {
    return this.#id
  }
}

function keyOf(target: FetchTarget): string {
  return `${target.topicId} ${target.topic}:${target.partition}`
}

function isSame(a: FetchTarget | undefined, b: FetchTarget): boolean {
  return (
    a !== undefined &&
    a.fetchOffset === b.fetchOffset &&
    a.currentLeaderEpoch === b.currentLeaderEpoch &&
    a.lastFetchedEpoch === b.lastFetchedEpoch &&
    a.partitionMaxBytes === b.partitionMaxBytes
  )
}
