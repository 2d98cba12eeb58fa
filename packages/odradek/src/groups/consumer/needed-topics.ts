/**
 * Keeps the topics of a KIP-848 member in the metadata: those it subscribes to, what it is assigned
 * or about to be, and what a pattern of the broker's has matched. Their names are found by their
 * ids meanwhile.
 */
import type { Cluster } from '../../cluster/index.ts'
import type { Member } from './membership-consumer.states.ts'
import { TopicNames } from './topic-names.ts'

export class NeededTopics {
  readonly #cluster: Cluster
  readonly #names: TopicNames
  #member: Member | undefined
  #needed: readonly string[] = []
  /** What is assigned, by the names that its ids were found to have. */
  #found: readonly string[] = []
  #release: () => void = () => undefined

  constructor(cluster: Cluster, onLearned: (names: ReadonlyMap<string, string>) => void) {
    this.#cluster = cluster
    this.#names = new TopicNames(cluster, {
      onLearned,
      onFound: (names) => {
        this.#found = names
        this.follow(this.#member)
      },
    })
  }

  nameOf(topicId: string): string | undefined {
    return this.#names.nameOf(topicId)
  }

  /** The coordinator names topics by their ids, which metadata can be asked for meanwhile. */
  prepare(): void {
    const { metadata } = this.#cluster
    if (this.#needed.every((name) => metadata.topics.has(name))) return
    this.#cluster.refreshMetadata('a consumer joins').catch(() => undefined)
  }

  /** What it needs now; undefined when it is over. */
  follow(member: Member | undefined): void {
    this.#member = member
    let names: readonly string[] = []
    if (member !== undefined) {
      const unnamed = member.target.filter(({ topic }) => topic === undefined)
      this.#names.want([...new Set(unnamed.map(({ topicId }) => topicId))])
      if (unnamed.length === 0) this.#found = []
      const assigned = [...member.owned, ...member.target].flatMap(({ topic }) => topic ?? [])
      names = [...new Set([...member.subscription.topics, ...assigned, ...this.#found])].sort()
    }
    if (names.join() === this.#needed.join()) return
    const release = this.#release
    this.#needed = names
    this.#release = this.#cluster.needTopics(names)
    release()
  }

  close(): void {
    this.#names.close()
    this.follow(undefined)
  }
}
