/**
 * Watches over topics that were asked for and cannot be had: one that does not exist (yet) is
 * looked for again and again, and said; one that this user may not read is an error, once, and said
 * after that.
 */
import type { Timer } from '@odradek/environment'
import { BrokerError, ErrorCode } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { UsageError } from '../errors/errors.ts'
import type { StallReport } from '../cluster/stall-reporter.ts'

const FIRST_LOOK_MS = 1000
const LONGEST_PAUSE_MS = 10_000

export class TopicWatch {
  readonly #cluster: Cluster
  #topics: readonly string[]
  readonly #report: StallReport
  readonly #onForbidden: (error: BrokerError) => void
  readonly #forbidden = new Set<string>()
  #timer: Timer | undefined
  #pauseMs = FIRST_LOOK_MS
  #hasStarted = false
  #isClosed = false

  constructor(
    cluster: Cluster,
    topics: readonly string[],
    report: StallReport,
    onForbidden: (error: BrokerError) => void,
  ) {
    this.#cluster = cluster
    this.#topics = topics
    this.#report = report
    this.#onForbidden = onForbidden
  }

  /** Other topics from now on. */
  watch(topics: readonly string[]): void {
    for (const name of this.#topics) this.#report.clear(whatOf(name))
    this.#topics = topics
    this.#pauseMs = FIRST_LOOK_MS
    if (this.#hasStarted) this.#lookLater()
  }

  start(): void {
    this.#hasStarted = true
    this.#lookLater()
  }

  #lookLater(): void {
    const { timers } = this.#cluster.environment
    timers.clear(this.#timer)
    if (this.#isClosed) return
    this.#timer = timers.set(this.#pauseMs, () => this.#look())
  }

  #look(): void {
    const { topics, topicErrors, brokers } = this.#cluster.metadata
    const missing = this.#topics.filter((name) => !topics.has(name))
    for (const name of this.#topics) {
      const errorCode = topicErrors.get(name)
      if (errorCode === undefined) this.#report.clear(whatOf(name))
      else this.#tell(name, errorCode)
    }
    if (missing.length === 0) return
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    // Without any broker the join itself asks for metadata, and says what is wrong.
    const asked =
      brokers.size === 0
        ? Promise.resolve()
        : this.#cluster.refreshMetadata(`topic "${missing[0] ?? ''}" is not known`)
    asked.catch(() => undefined).finally(() => this.#lookLater())
  }

  #tell(name: string, errorCode: number): void {
    const error = new BrokerError(errorCode, { action: `read topic "${name}"` })
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      this.#report.note(whatOf(name), notThere(name, error), 0)
    } else if (errorCode !== ErrorCode.TOPIC_AUTHORIZATION_FAILED || this.#forbidden.has(name)) {
      this.#report.note(whatOf(name), error, 0)
    } else {
      // Whoever reads on after that error waits for the right to be granted.
      this.#forbidden.add(name)
      this.#onForbidden(error)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#cluster.environment.timers.clear(this.#timer)
  }
}

function whatOf(name: string): string {
  return `finding topic "${name}"`
}

function notThere(name: string, cause: BrokerError): UsageError {
  return new UsageError(
    `The cluster has no topic "${name}". It is read as soon as it is there: check its name, or ` +
      'create it (for instance with admin.createTopics).',
    { code: cause.code, cause },
  )
}
