/**
 * Finds the names of topics that the coordinator assigned by their ids. Metadata knows the topics
 * that are subscribed to by name, once it is fresh; topics that a pattern of the broker's matched
 * have to be asked for by id first. What nobody can name (a topic deleted a moment ago) is asked
 * for again, paced, as long as it is wanted.
 */
import { metadata, type RequestInput, ZERO_UUID } from '@odradek/protocol'
import { type Cluster, retryPauseMs } from '../../cluster/index.ts'

const FIRST_VERSION_BY_ID = 12

export interface TopicNamesEvents {
  /** Metadata knows these now. */
  onLearned(names: ReadonlyMap<string, string>): void
  /** Topics that are assigned, and that metadata does not keep yet. */
  onFound(names: readonly string[]): void
}

export class TopicNames {
  readonly #cluster: Cluster
  readonly #events: TopicNamesEvents
  readonly #stopListening: () => void
  #wanted: readonly string[] = []
  #isLooking = false
  #isClosed = false

  constructor(cluster: Cluster, events: TopicNamesEvents) {
    this.#cluster = cluster
    this.#events = events
    this.#stopListening = cluster.onMetadata(() => this.#tell())
  }

  nameOf(topicId: string): string | undefined {
    return topicId === ZERO_UUID ? undefined : this.#cluster.metadata.namesById.get(topicId)
  }

  /** These are to be found; those before are not wanted any more. */
  want(topicIds: readonly string[]): void {
    this.#wanted = topicIds
    if (topicIds.length === 0 || this.#isLooking || this.#isClosed) return
    this.#isLooking = true
    this.#look()
      .catch(() => undefined)
      .finally(() => {
        this.#isLooking = false
      })
  }

  close(): void {
    this.#isClosed = true
    this.#wanted = []
    this.#stopListening()
  }

  #tell(): boolean {
    const names = new Map<string, string>()
    for (const id of this.#wanted) {
      const name = this.nameOf(id)
      if (name !== undefined) names.set(id, name)
    }
    if (names.size > 0) this.#events.onLearned(names)
    return names.size > 0
  }

  async #look(): Promise<void> {
    for (let tries = 0; this.#wanted.length > 0 && !this.#cluster.isClosed; tries++) {
      // By name it is one question that others ask, too; but a pattern has no names.
      const isAsked = tries === 0 && (await this.#refresh())
      if (!isAsked && this.#wanted.length > 0) await this.#askById().catch(() => undefined)
      if (this.#wanted.length === 0) return
      await this.#cluster.sleep(retryPauseMs(this.#cluster, tries))
    }
  }

  /** Fresh metadata; false when it told nothing. */
  async #refresh(): Promise<boolean> {
    await this.#cluster.refreshMetadata('assigned topics are not known').catch(() => undefined)
    return this.#tell()
  }

  async #askById(): Promise<void> {
    const topicIds = this.#wanted
    const body = (version: number): RequestInput<typeof metadata> =>
      version < FIRST_VERSION_BY_ID
        ? { topics: [] }
        : {
            topics: topicIds.map((topicId) => ({ topicId, name: null })),
            allowAutoTopicCreation: false,
          }
    const { topics } = await this.#cluster.requestAny(metadata, body)
    const names = topics.flatMap(({ name, errorCode }) =>
      name === null || name === '' || errorCode !== 0 ? [] : [name],
    )
    if (names.length === 0 || this.#isClosed) return
    this.#events.onFound(names)
    await this.#refresh()
  }
}
