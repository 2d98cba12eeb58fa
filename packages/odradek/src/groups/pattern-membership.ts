/** A classic membership whose topics are given by patterns, beside those that are named. */
import type { KafkaError } from '@odradek/protocol'
import type { Cluster } from '../cluster/index.ts'
import type {
  AssignedPartition,
  LeaveOptions,
  Membership,
  ConsumerGroupMetadata,
} from './shell/membership.ts'
import { TopicPatterns } from './topic-patterns.ts'

export interface PatternOptions {
  readonly topics: readonly string[]
  readonly topicPatterns: readonly RegExp[]
}

export class PatternMembership implements Membership {
  readonly #inner: Membership
  readonly #named: readonly string[]
  readonly #patterns: TopicPatterns
  #isStarted = false
  #isOver = false

  constructor(cluster: Cluster, options: PatternOptions, inner: Membership) {
    this.#inner = inner
    this.#named = options.topics
    this.#patterns = new TopicPatterns(cluster, options.topicPatterns, (topics) => {
      if (this.#isStarted && !this.#isOver) this.#inner.setTopics(this.#with(topics))
    })
  }

  #with(matches: readonly string[]): readonly string[] {
    return [...new Set([...this.#named, ...matches])]
  }

  start(): void {
    if (this.#isStarted || this.#isOver) {
      this.#inner.start()
      return
    }
    // It never rejects: without metadata the join itself finds out, and says, what is wrong.
    void this.#patterns.start().then((topics) => {
      if (!this.#isOver) this.#inner.setTopics(this.#with(topics))
      this.#isStarted = true
      this.#inner.start()
    })
  }

  get stamp(): ConsumerGroupMetadata | undefined {
    return this.#inner.stamp
  }

  get assigned(): readonly AssignedPartition[] {
    return this.#inner.assigned
  }

  /** Topics by name take the place of the patterns. */
  setTopics(topics: readonly string[]): void {
    this.#end()
    this.#inner.setTopics(topics)
  }

  #end(): void {
    this.#isOver = true
    this.#patterns.stop()
  }

  rejoin(reason: string): void {
    this.#inner.rejoin(reason)
  }

  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void {
    this.#inner.handleStampRefused(error, stamp)
  }

  isSessionAlive(now?: number): boolean {
    return this.#inner.isSessionAlive(now)
  }

  rest(options: Pick<LeaveOptions, 'group' | 'reason'>): void {
    this.#inner.rest?.(options)
  }

  leave(options: LeaveOptions): Promise<void> {
    this.#end()
    return this.#inner.leave(options)
  }
}
