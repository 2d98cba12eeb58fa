/**
 * Topics by a pattern in a classic group: members match the names of all topics that they may see,
 * without internal ones, and keep matching, so that a topic that is created later is read, and one
 * that is gone is not. A name that metadata lacks is believed gone after several refreshes said so:
 * one of them may come from a broker that lags behind.
 */
import type { Cluster, ClusterMetadata } from '../cluster/index.ts'
import { compareText } from './assignors/member-order.ts'

const REFRESHES_TO_BELIEVE = 3
const LOOK_AGAIN_MS = 5000

export class TopicPatterns {
  readonly #cluster: Cluster
  readonly #patterns: readonly RegExp[]
  readonly #onChanged: (topics: readonly string[]) => void
  /** Matches, and for how many refreshes in a row each has been missing. */
  readonly #matches = new Map<string, number>()
  readonly #over = new AbortController()
  #release: (() => void) | undefined
  #lastRefresh: ClusterMetadata['topicErrors'] | undefined
  #isLookingAgain = false

  constructor(
    cluster: Cluster,
    patterns: readonly RegExp[],
    onChanged: (topics: readonly string[]) => void,
  ) {
    this.#cluster = cluster
    this.#patterns = patterns
    this.#onChanged = onChanged
  }

  /** What matches now; settles also when the cluster is out of reach, with what is known. */
  async start(): Promise<readonly string[]> {
    if (this.#release === undefined) {
      const release = this.#cluster.needAllTopics()
      const unsubscribe = this.#cluster.onMetadata((metadata) => this.#observe(metadata))
      this.#release = () => {
        unsubscribe()
        release()
      }
      await this.#refresh()
    }
    return this.topics
  }

  get topics(): readonly string[] {
    return [...this.#matches.keys()].sort(compareText)
  }

  stop(): void {
    this.#over.abort()
    this.#release?.()
    this.#release = () => undefined
  }

  async #refresh(): Promise<void> {
    const text = this.#patterns.map(String).join(', ')
    await this.#cluster.refreshMetadata(`topics are read by ${text}`).catch(() => undefined)
  }

  #observe(metadata: ClusterMetadata): void {
    // News of leaders alone bring no topics; every refresh brings a new map of errors.
    if (metadata.topicErrors === this.#lastRefresh) return
    this.#lastRefresh = metadata.topicErrors
    const before = this.topics.join()
    for (const { name, isInternal } of metadata.topics.values()) {
      // `search` is not led astray by where a pattern with flags g or y was last.
      if (isInternal || metadata.topicErrors.has(name)) continue
      if (this.#patterns.some((pattern) => name.search(pattern) >= 0)) this.#matches.set(name, 0)
    }
    for (const [name, missing] of this.#matches) {
      // Members need it by name, too, so what was known of it stays, beside the error.
      if (metadata.topics.has(name) && !metadata.topicErrors.has(name)) continue
      if (missing + 1 >= REFRESHES_TO_BELIEVE) this.#matches.delete(name)
      else this.#matches.set(name, missing + 1)
    }
    if (before !== this.topics.join()) this.#onChanged(this.topics)
    if ([...this.#matches.values()].some((missing) => missing > 0)) void this.#lookAgain()
  }

  async #lookAgain(): Promise<void> {
    if (this.#isLookingAgain) return
    this.#isLookingAgain = true
    await this.#cluster.sleep(LOOK_AGAIN_MS, this.#over.signal)
    this.#isLookingAgain = false
    if (!this.#over.signal.aborted && !this.#cluster.isClosed) await this.#refresh()
  }
}
