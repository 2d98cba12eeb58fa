/**
 * Notices a partition with lag that does not move, says why, and when nothing explains it replaces
 * what may be at fault, step by step, for that partition alone (`partition-status.ts`). It looks at
 * numbers that are there anyway; only for a partition that has not moved for `progressTimeoutMs` is
 * its leader asked where the log ends, once in that time.
 */
import type { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { Fetcher } from '../fetch/fetcher.ts'
import type { PartitionAction, PartitionStatus } from '../../events/partition-progress.ts'
import { LATEST } from '../options/start-options.ts'
import { type ListResults, listOffsetsOf } from '../positions/list-offsets.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { PausedLag } from './paused-lag.ts'
import { adviceFor, actionAfter, statusOf } from './partition-status.ts'

export interface WatchdogOptions {
  /** 0: off. */
  readonly progressTimeoutMs: number
  readonly isolationLevel: 'read_uncommitted' | 'read_committed'
}

export interface WatchdogOwner {
  /** Whether a loop, a stream or `run` reads the consumer. */
  readonly hasReader: () => boolean
  readonly readers: ReadonlySet<PartitionReader>
  readonly fetcher: Pick<
    Fetcher,
    'leaderOf' | 'hasRoomFor' | 'replaceSession' | 'replaceConnection'
  >
}

interface Watched {
  fetchOffset: number
  committable: number
  delivered: number
  movedAt: number
  movedAtByWall: number
  nextAt: number
  status: PartitionStatus
  action: PartitionAction | null
}

interface Query {
  readonly topic: string
  readonly partition: number
  readonly timestamp: number
  readonly reader: PartitionReader
}

/** Phases in which nothing is to move, or somebody else tells why it does not. */
const EXEMPT = new Set(['failed', 'revoking', 'ended', 'assigned'])

export class ProgressWatchdog {
  readonly #cluster: Cluster
  readonly #options: WatchdogOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #owner: WatchdogOwner
  #watched = new WeakMap<PartitionReader, Watched>()
  readonly #throttledUntil = new Map<string, number>()
  readonly #pausedLag: PausedLag
  #stopListening: (() => void) | undefined
  #isAsking = false

  constructor(
    cluster: Cluster,
    options: WatchdogOptions,
    emitter: TypedEmitter<ClientEvents>,
    owner: WatchdogOwner,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#emitter = emitter
    this.#owner = owner
    this.#pausedLag = new PausedLag(emitter)
  }

  get #isOn(): boolean {
    return this.#options.progressTimeoutMs > 0
  }

  start(): void {
    if (!this.#isOn) return
    const { clock } = this.#cluster.environment
    this.#stopListening = this.#cluster.emitter.on(
      'throttled',
      ({ broker, api, throttleTimeMs }) => {
        if (api === 'Fetch') this.#throttledUntil.set(broker, clock.monotonic() + throttleTimeMs)
      },
    )
  }

  close(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
  }

  /** Time in which the loop did not turn is no time in which anything could have moved. */
  excuse(blockedMs: number): void {
    for (const reader of this.#owner.readers) {
      const watched = this.#watched.get(reader)
      if (watched === undefined) continue
      watched.movedAt += blockedMs
      watched.nextAt += blockedMs
    }
  }

  /** Called every tick. */
  look(now: number): void {
    if (this.#stopListening === undefined) return
    const suspects: PartitionReader[] = []
    for (const reader of this.#owner.readers) {
      if (EXEMPT.has(reader.state.name)) continue
      if (now >= this.#follow(reader, now).nextAt) suspects.push(reader)
    }
    if (suspects.length === 0 || this.#isAsking) return
    this.#isAsking = true
    this.#examine(suspects)
      .catch(() => undefined)
      .finally(() => {
        this.#isAsking = false
      })
      .catch(() => undefined)
  }

  /**
   * Nothing reads the consumer, and it leaves its group: emits it for every partition with records.
   */
  reportUnread(): void {
    const now = this.#cluster.environment.clock.monotonic()
    for (const reader of this.#owner.readers) {
      if (!reader.mayBeTaken) continue
      const watched = this.#follow(reader, now)
      if (watched.status === 'noReader') continue
      watched.status = 'noReader'
      this.#tell(reader, watched, null)
    }
  }

  #follow(reader: PartitionReader, now: number): Watched {
    const { fetchOffset } = reader
    const committable = reader.committable ?? -1
    const delivered = reader.current?.position ?? -1
    let watched = this.#watched.get(reader)
    if (
      watched !== undefined &&
      watched.fetchOffset === fetchOffset &&
      watched.committable === committable &&
      watched.delivered === delivered
    ) {
      return watched
    }
    const before = watched?.status ?? 'resumed'
    watched = {
      ...{ fetchOffset, committable, delivered },
      movedAt: now,
      movedAtByWall: this.#cluster.environment.clock.now(),
      nextAt: now + this.#options.progressTimeoutMs,
      status: 'resumed',
      action: null,
    }
    this.#watched.set(reader, watched)
    if (isTrouble(before)) this.#tell(reader, watched, null)
    return watched
  }

  async #examine(readers: readonly PartitionReader[]): Promise<void> {
    const queries = readers.map((reader): Query => {
      const { topic, partition } = reader
      return { topic, partition, timestamp: LATEST, reader }
    })
    const ends = await listOffsetsOf(this.#cluster, queries, 'read_uncommitted')
    const stable =
      this.#options.isolationLevel === 'read_committed'
        ? await listOffsetsOf(this.#cluster, queries, 'read_committed')
        : undefined
    if (this.#stopListening === undefined) return
    const now = this.#cluster.environment.clock.monotonic()
    for (const query of queries) {
      const { reader } = query
      if (!this.#owner.readers.has(reader) || EXEMPT.has(reader.state.name)) continue
      const watched = this.#follow(reader, now)
      // It moved while its leader was asked.
      if (now >= watched.nextAt) {
        this.#judge(reader, watched, offsetOf(ends, query), stable && offsetOf(stable, query))
      }
    }
  }

  #judge(
    reader: PartitionReader,
    watched: Watched,
    end: number | null,
    lastStableOffset: number | null = null,
  ): void {
    const { fetcher } = this.#owner
    const { progressTimeoutMs } = this.#options
    const { clock } = this.#cluster.environment
    const now = clock.monotonic()
    const status = statusOf({
      isPaused: reader.isPaused,
      isWithUser:
        reader.inFlight.isAny || reader.current !== undefined || reader.buffered !== undefined,
      hasReader: this.#owner.hasReader(),
      hasLeader: fetcher.leaderOf(reader) !== undefined,
      hasRoom: fetcher.hasRoomFor(reader),
      isThrottled: this.#wasThrottled(reader, watched.movedAt, now - progressTimeoutMs),
      position: reader.fetchOffset,
      end,
      lastStableOffset,
    })
    // What waits for its position is told of by whoever looks for it.
    const isPositioned = reader.isReading
    const lag = end === null ? null : Math.max(0, end - (reader.committable ?? reader.fetchOffset))
    if (status === 'paused') this.#pausedLag.note(reader, lag)
    const before = watched.status
    watched.status = status
    watched.nextAt = now + progressTimeoutMs
    if (status !== 'stuck') {
      watched.action = null
      // Nothing to read is no news, but that trouble is over is.
      const isNews = isTrouble(status) || isTrouble(before)
      if (isNews && status !== before) this.#tell(reader, watched, lag)
      return
    }
    if (!isPositioned) return
    watched.action = actionAfter(watched.action)
    watched.nextAt = now + progressTimeoutMs / 2
    this.#tell(reader, watched, lag)
    this.#take(watched.action, reader)
  }

  #wasThrottled(reader: PartitionReader, movedAt: number, since: number): boolean {
    const leader = this.#owner.fetcher.leaderOf(reader)
    const broker = this.#cluster.metadata.brokers.get(leader?.leader ?? -1)
    if (broker === undefined) return false
    const until = this.#throttledUntil.get(`${broker.host}:${broker.port}`)
    return until !== undefined && until >= Math.max(movedAt, since)
  }

  #take(action: PartitionAction, reader: PartitionReader): void {
    const { fetcher } = this.#owner
    switch (action) {
      case 'metadata':
        this.#cluster.refreshMetadata(`${reader.name} does not move`).catch(() => undefined)
        return
      case 'session':
        return fetcher.replaceSession(reader)
      case 'connection':
        return fetcher.replaceConnection(reader)
    }
  }

  #tell({ topic, partition }: PartitionReader, watched: Watched, lag: number | null): void {
    const { status, action, movedAtByWall } = watched
    this.#emitter.emit('partitionProgress', {
      ...{ topic, partition, status, action, lag },
      since: movedAtByWall,
      advice: adviceFor(status, action),
    })
  }
}

/** What is told by itself. */
function isTrouble(status: PartitionStatus): boolean {
  return status !== 'resumed' && status !== 'idle'
}

function offsetOf(results: ListResults<Query>, query: Query): number | null {
  const result = results.get(query)
  return result !== undefined && 'offset' in result ? result.offset : null
}
