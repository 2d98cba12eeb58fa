/**
 * How many partitions the topics of a group have, as a leader may believe it. More partitions than
 * known are true at once (partitions are never taken away); fewer, or none at all, may be the word
 * of a broker that lags behind, and are believed after several refreshes said so. A topic that
 * nothing definite is known of has no count: its partitions stay where they are.
 */
import { ErrorCode } from '@odradek/protocol'
import type { ClusterMetadata } from '../../cluster/index.ts'

const REFRESHES_TO_BELIEVE = 3

interface Belief {
  /** Undefined while nothing is known; 0 when the cluster has no such topic. */
  count: number | undefined
  smallerInARow: number
  /** Refreshes in a row that refused to tell, for instance because we may not see the topic. */
  refusalsInARow: number
}

export interface Growth {
  readonly topic: string
  /** Undefined when nothing was known of it. */
  readonly from: number | undefined
  readonly to: number
}

export class TopicCounts {
  readonly #beliefs = new Map<string, Belief>()
  /** Every refresh brings a new map of errors; news of leaders alone does not. */
  #lastRefresh: ClusterMetadata['topicErrors'] | undefined

  /** Keeps what is known of these topics and forgets the others. */
  limitTo(topics: ReadonlySet<string>): void {
    for (const topic of this.#beliefs.keys()) if (!topics.has(topic)) this.#beliefs.delete(topic)
    for (const topic of topics) {
      if (!this.#beliefs.has(topic)) {
        this.#beliefs.set(topic, { count: undefined, smallerInARow: 0, refusalsInARow: 0 })
      }
    }
  }

  /** Takes in fresh metadata; gives what has grown. */
  observe(metadata: ClusterMetadata): readonly Growth[] {
    const isFresh = metadata.topicErrors !== this.#lastRefresh
    this.#lastRefresh = metadata.topicErrors
    const growth: Growth[] = []
    for (const [topic, belief] of this.#beliefs) {
      const reported = reportedCount(metadata, topic)
      if (reported === undefined) {
        if (isFresh && metadata.topicErrors.has(topic)) belief.refusalsInARow++
        continue
      }
      belief.refusalsInARow = 0
      const { count } = belief
      const isSmaller = count === undefined ? reported === 0 : reported < count
      if (isSmaller) {
        if (isFresh) belief.smallerInARow++
        if (belief.smallerInARow < REFRESHES_TO_BELIEVE) continue
      }
      belief.smallerInARow = 0
      belief.count = reported
      if (reported > (count ?? 0)) {
        growth.push({ topic, from: count, to: reported })
      }
    }
    return growth
  }

  /** Topics whose count is not known, or in doubt: worth another refresh. */
  get unsettled(): readonly string[] {
    return [...this.#beliefs]
      .filter(([, { count, smallerInARow }]) => count === undefined || smallerInARow > 0)
      .map(([topic]) => topic)
  }

  /** Topics that the next refresh may well tell of. */
  get isWorthWaiting(): boolean {
    return [...this.#beliefs.values()].some(
      ({ count, refusalsInARow }) => count === undefined && refusalsInARow < REFRESHES_TO_BELIEVE,
    )
  }

  /** Topics that nothing definite is known of. */
  get unknown(): ReadonlySet<string> {
    return new Set(
      [...this.#beliefs].filter(([, { count }]) => count === undefined).map(([topic]) => topic),
    )
  }

  /** Topics that do not exist (yet). */
  get absent(): readonly string[] {
    return [...this.#beliefs].filter(([, { count }]) => count === 0).map(([topic]) => topic)
  }

  get counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const [topic, { count }] of this.#beliefs) {
      if (count !== undefined && count > 0) counts.set(topic, count)
    }
    return counts
  }
}

function reportedCount(metadata: ClusterMetadata, topic: string): number | undefined {
  const error = metadata.topicErrors.get(topic)
  if (error === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return 0
  if (error !== undefined) return undefined
  const known = metadata.topics.get(topic)?.partitions.length
  return known === 0 ? undefined : known
}
