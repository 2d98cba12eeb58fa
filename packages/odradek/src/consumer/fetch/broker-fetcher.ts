/** Fetches from one broker: when, for which partitions, and what becomes of the answer. */
import {
  BrokerError,
  fetch,
  readableBatches,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import { EarliestTimer } from '../../async/earliest-timer.ts'
import { Pace, SHORTEST_ROUND_MS } from '../../cluster/pace.ts'
import { CorruptRecordsError } from '../../errors/errors.ts'
import { hasTopicId } from '../../cluster/metadata.ts'
import { CheckedRecord, needsCheck } from '../partition/checked-record.ts'
import type { PartitionFetch } from '../partition/fetch-progress.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { LogOffsets } from '../partition/log-offsets.ts'
import { requestOf } from '../partition/partition.machine.ts'
import { fetchReaction, sessionReaction } from './fetch-reaction.ts'
import { loadCodecsOf } from './load-codecs-of.ts'
import { type FetchPlan, FetchSession, type FetchTarget } from './fetch-session.ts'
import { type ChunkOptions, FetchedChunk } from '../partition/completed-fetch.ts'
import type { FetcherOfAll } from './fetcher-events.ts'

type FetchResponse = ResponseOf<typeof fetch>
type PartitionAnswer = FetchResponse['responses'][number]['partitions'][number]

/** A partition of a fetch request; its response is dropped if the position changed meanwhile. */
interface Asked extends PartitionFetch {
  readonly reader: PartitionReader
  readonly leaderEpoch: number
}

/** A fetch that is under way. */
interface Flight {
  readonly plan: FetchPlan
  readonly asked: ReadonlyMap<string, Asked>
  readonly isPartial: boolean
  readonly sentAt: number
  /** How long it takes when it brings nothing. */
  readonly roundMs: number
}

const LAST_VERSION_WITH_NAMES = 12
const FIRST_VERSION_WITH_EPOCHS = 12
const NO_RECORDS = Buffer.alloc(0)
/** A partition that is behind a working iteration is fetched for once so much was taken up. */
const REFILL_FRACTION = 0.5
/** How long the others are waited for while a partition is left out for want of memory. */
const LEFT_OUT_MS = 100
/** The same while a partition that is being read has its next chunk, for a beginning. */
const MIN_PATIENCE_MS = 2
/**
 * Batches without records for users are no progress, unless there are many: a log full of markers.
 */
const MANY_BYTES = 4096

const CHECKED: Pick<ChunkOptions, 'isChecked' | 'pick'> = {
  isChecked: true,
  pick: (context, cursor) => new CheckedRecord<unknown, unknown>(context, cursor),
}

export class BrokerFetcher {
  readonly #fetcher: FetcherOfAll
  readonly #nodeId: number
  readonly #session = new FetchSession()
  /** There was no room for its last fetch. */
  wasRefused = false
  #isSessionDue = false
  #isInFlight = false
  readonly #pace = new Pace()
  readonly #timer: EarliestTimer
  #lastAnswerBytes = 0
  /** A fetch without waiting brought nothing: the next one waits for its turn. */
  #isDry = false
  /** What was supplied already when the last fetch was sent. */
  #supplied: ReadonlySet<FetchedChunk> = new Set()
  #patienceMs = MIN_PATIENCE_MS

  constructor(fetcher: FetcherOfAll, nodeId: number) {
    this.#fetcher = fetcher
    this.#timer = new EarliestTimer(fetcher.cluster.environment, () => fetcher.wake())
    this.#nodeId = nodeId
  }

  /** With the next fetch: the answer to one that is under way would bring the old one back. */
  replaceSession(): void {
    this.#isSessionDue = true
    this.#fetcher.wake()
  }

  get #what(): string {
    return `fetching from broker ${this.#nodeId}`
  }

  get #now(): number {
    return this.#fetcher.cluster.environment.clock.monotonic()
  }

  /** Fetches if it makes sense now; `readers` are all that this broker leads. */
  consider(readers: readonly PartitionReader[]): void {
    if (this.#isInFlight) return
    const now = this.#now
    if (now < this.#pace.notBefore) {
      this.#timer.set(this.#pace.notBefore)
      return
    }
    const hungry: PartitionReader[] = []
    const supplied: FetchedChunk[] = []
    let waitingBytes = 0
    let nextAt = Number.POSITIVE_INFINITY
    for (const reader of readers) {
      if (!reader.isDeliverable) continue
      const { state, buffered } = reader
      const request = requestOf(state)
      if (request === undefined) {
        // Buffered and not being read: a reader is about to take it.
        if (state.name === 'buffered') {
          if (!state.isInFlight) waitingBytes += buffered?.byteLength ?? 0
        } else if (buffered !== undefined) supplied.push(buffered)
      } else if (request.name === 'due') hungry.push(reader)
      else if (request.name === 'backoff') {
        if (request.until > now) nextAt = Math.min(nextAt, request.until)
        else {
          reader.backoffElapsed()
          hungry.push(reader)
        }
      }
    }
    this.#timer.set(nextAt)
    if (hungry.length === 0) return
    const isPartial = waitingBytes > 0
    if (isPartial && (this.#isDry || waitingBytes > this.#lastAnswerBytes * REFILL_FRACTION)) return
    this.#send(hungry, isPartial, this.#longestWait(supplied))
  }

  /**
   * How long this fetch may wait for records. Whoever is being read and has the next chunk already
   * is not asked for, and will want more before long: sooner the faster it is read. While such
   * chunks are taken up the others are waited for a moment only; with a slow reader ever longer.
   */
  #longestWait(supplied: readonly FetchedChunk[]): number {
    const { fetchMaxWaitMs } = this.#fetcher.options
    if (supplied.length === 0) return fetchMaxWaitMs
    const isSameAsBefore = supplied.every((chunk) => this.#supplied.has(chunk))
    this.#supplied = new Set(supplied)
    this.#patienceMs = isSameAsBefore ? this.#patienceMs * 2 : MIN_PATIENCE_MS
    return Math.min(this.#patienceMs, fetchMaxWaitMs)
  }

  /**
   * With room for all of them; else, if others have to make room, for those with nothing at all.
   */
  #send(hungry: readonly PartitionReader[], isPartial: boolean, waitMs: number): void {
    let maxBytes = this.#reserve(hungry, false)
    let readers = hungry
    if (maxBytes === undefined) {
      readers = hungry.filter(({ current }) => current === undefined)
      if (readers.length > 0) maxBytes = this.#reserve(readers, true)
    }
    this.wasRefused = maxBytes === undefined
    if (maxBytes === undefined) return
    // Who was left out will have made room long before others have something.
    const longestMs = readers === hungry ? waitMs : Math.min(waitMs, LEFT_OUT_MS)
    this.#fetch(readers, maxBytes, isPartial, longestMs)
  }

  #reserve({ length }: readonly PartitionReader[], mayEvict: boolean): number | undefined {
    const { fetchMaxBytes, maxPartitionFetchBytes } = this.#fetcher.options
    const wanted = Math.min(fetchMaxBytes, length * maxPartitionFetchBytes)
    return this.#fetcher.reserve(wanted, mayEvict)
  }

  #fetch(
    readers: readonly PartitionReader[],
    maxBytes: number,
    isPartial: boolean,
    longestMs: number,
  ): void {
    const { options, cluster } = this.#fetcher
    const { topics } = cluster.metadata
    const asked = new Map<string, Asked>()
    let haveIds = true
    const targets = readers.map((reader): FetchTarget => {
      const { topic, partition, fetchOffset } = reader
      const leaderEpoch = this.#fetcher.leaderOf(reader)?.leaderEpoch ?? -1
      const one: Asked = { reader, fetchOffset, leaderEpoch }
      reader.fetchSent(one)
      const metadata = topics.get(topic)
      const topicId = metadata?.topicId ?? reader.topicId
      if (!hasTopicId(metadata)) haveIds = false
      asked.set(`${topic}:${partition}`, one)
      return {
        topic,
        topicId,
        partition,
        fetchOffset,
        currentLeaderEpoch: leaderEpoch,
        lastFetchedEpoch: reader.progress.epoch,
        partitionMaxBytes: options.maxPartitionFetchBytes,
      }
    })
    if (this.#isSessionDue) this.#session.restart()
    this.#isSessionDue = false
    const plan = this.#session.next(targets)
    // A poll that was cut short on purpose is not made longer here.
    const isShortened = isPartial || longestMs < options.fetchMaxWaitMs
    const wantedMs = isPartial ? 0 : longestMs
    const roundMs = isShortened ? wantedMs : Math.max(wantedMs, SHORTEST_ROUND_MS)
    const maxWaitMs = this.#pace.isIdle ? roundMs : wantedMs
    // For as long as it is configured, the broker waits for enough; beyond that, for anything.
    const minBytes = maxWaitMs === 0 ? 0 : maxWaitMs > wantedMs ? 1 : options.fetchMinBytes
    const { clientRack: rackId } = cluster.options
    const limits = { rackId, maxWaitMs, minBytes, maxBytes }
    this.#isInFlight = true
    const flight = { plan, asked, isPartial, sentAt: this.#now, roundMs }
    cluster
      .request(fetch, this.#nodeId, fetchBody(plan, options, limits), {
        purpose: this.#fetcher.purpose,
        brokerWaitMs: maxWaitMs,
        maxVersion: haveIds ? undefined : LAST_VERSION_WITH_NAMES,
      })
      .then((response) => {
        const loading = loadCodecsOf(response)
        if (loading === undefined) return this.#handleResponse(flight, response)
        return loading.then(() => this.#handleResponse(flight, response))
      })
      .catch((error: unknown) => this.#handleFailure(error, asked))
      .finally(() => {
        this.#isInFlight = false
        this.#fetcher.release(maxBytes)
        for (const one of asked.values()) one.reader.fetchEnded(one)
        this.#fetcher.wake()
      })
      .catch(() => undefined)
  }

  #handleResponse(flight: Flight, response: FetchResponse): void {
    const { plan, asked, isPartial } = flight
    const reaction = sessionReaction(response.errorCode)
    if (reaction !== 'none') {
      if (reaction === 'reset') this.#session.reset()
      else this.#session.restart()
      // A lost session is opened again at once; anything else is paced.
      if (reaction === 'restart' || plan.sessionEpoch === 0) this.#slowDown()
      else this.#pace.idled(this.#fetcher.cluster, flight)
      const error = new BrokerError(response.errorCode, { action: 'fetch' })
      this.#fetcher.report.note(this.#what, error)
      this.#fetcher.askForMetadata(`a fetch was answered ${error.code}`)
      return
    }
    this.#fetcher.report.clear(this.#what)
    this.#session.accepted(plan, response.sessionId)
    const { metadata } = this.#fetcher.cluster
    let bytes = 0
    let hasNews = false
    for (const topic of response.responses) {
      const name =
        topic.topic || nameOf(plan, topic.topicId) || metadata.namesById.get(topic.topicId)
      for (const answer of topic.partitions) {
        const one = asked.get(`${name ?? ''}:${answer.partitionIndex}`)
        // Not requested, answered twice, or the position changed meanwhile.
        if (one === undefined || !one.reader.isAwaiting(one)) continue
        bytes += answer.records?.length ?? 0
        if (this.#handlePartition(one, answer)) hasNews = true
      }
    }
    this.#isDry = isPartial && bytes === 0
    if (bytes > 0) this.#lastAnswerBytes = bytes
    if (hasNews) this.#pace.progressed()
    else this.#pace.idled(this.#fetcher.cluster, flight)
  }

  /** Whether it brought records, or an error with a pace of its own. */
  #handlePartition(asked: Asked, answer: PartitionAnswer): boolean {
    const { reader, fetchOffset } = asked
    const { events, options } = this.#fetcher
    this.#fetcher.moveToEnd(reader)
    if (answer.currentLeader.leaderId >= 0) {
      const { cluster } = this.#fetcher
      cluster.hintLeader(reader.topic, reader.partition, answer.currentLeader)
    }
    const reaction = fetchReaction(answer.errorCode)
    if (reaction !== 'data' && reader.progress.preferredReplica !== undefined) {
      // A follower may lag behind, or have less than the leader: what counts is the leader's word.
      reader.progress.preferReplica(undefined)
      this.#pausePartition(reader)
      return true
    }
    if (reaction !== 'data') {
      this.#handleError(reader, answer.errorCode, reaction)
      return true
    }
    reader.noteLog(new LogOffsets(answer))
    if (answer.divergingEpoch.endOffset >= 0) {
      const mayMove = this.#mayReposition(reader)
      if (mayMove) events.onDiverged(reader, answer.divergingEpoch)
      return true
    }
    const { bytes: records, error } = readableBatches(answer.records ?? NO_RECORDS)
    this.#followPreference(reader, answer.preferredReadReplica)
    if (error !== undefined && records.length === 0) {
      // What comes before the batch that cannot be decompressed is delivered first.
      if (reader.current !== undefined || reader.inFlight.isAny) this.#pausePartition(reader)
      else events.onFailed(reader, error)
      return true
    }
    if (records.length === 0) {
      this.#madeProgress(reader)
      return false
    }
    const chunk = new FetchedChunk(reader.lineage, records, fetchOffset, {
      checkCrcs: options.checkCrcs,
      abortedTransactions:
        options.isolationLevel === 'read_committed'
          ? (answer.abortedTransactions ?? [])
          : undefined,
      ...(options.onDecodeError !== 'fail' && needsCheck(reader.serdes) ? CHECKED : {}),
    })
    if (chunk.endOffset === fetchOffset) {
      // Bytes without progress: asking again at once would spin.
      this.#pausePartition(reader)
      const { topic, partition } = reader
      const error = new CorruptRecordsError({ topic, partition, offset: fetchOffset })
      this.#fetcher.report.note(`reading ${reader.name}`, error)
      return true
    }
    this.#madeProgress(reader)
    // Nothing is written under an epoch that is to come: that batch is wrong about its own.
    const isPossible = asked.leaderEpoch < 0 || chunk.endEpoch <= asked.leaderEpoch
    reader.fetched(chunk, isPossible ? chunk.endEpoch : -1)
    return chunk.hasRecords || chunk.byteLength >= MANY_BYTES
  }

  #madeProgress(reader: PartitionReader): void {
    reader.progress.succeed()
    this.#fetcher.report.clear(`reading ${reader.name}`)
  }

  /** The leader says which replica is near (KIP-392). */
  #followPreference(reader: PartitionReader, nodeId: number): void {
    const leader = this.#fetcher.leaderOf(reader)
    if (nodeId < 0 || nodeId === this.#nodeId || leader === undefined) return
    const until = this.#now + this.#fetcher.cluster.options.metadataMaxAgeMs
    reader.progress.preferReplica({ nodeId, leaderEpoch: leader.leaderEpoch, until })
  }

  #handleError(
    reader: PartitionReader,
    errorCode: number,
    reaction: Exclude<ReturnType<typeof fetchReaction>, 'data'>,
  ): void {
    const { events } = this.#fetcher
    const isAnEnd = reaction === 'outOfRange' || reaction === 'fail'
    if (isAnEnd && (reader.current !== undefined || reader.inFlight.isAny)) {
      // What was fetched before comes first: it is here, even where the broker keeps it no more.
      this.#pausePartition(reader)
      return
    }
    if (reaction === 'outOfRange') {
      if (this.#mayReposition(reader)) events.onOutOfRange(reader)
      return
    }
    const error = new BrokerError(errorCode, { action: `read ${reader.name}` })
    if (reaction === 'fail') {
      events.onFailed(reader, error)
      return
    }
    this.#pausePartition(reader)
    if (reaction === 'refresh') this.#fetcher.askForMetadata(`a fetch was answered ${error.code}`)
    this.#fetcher.report.note(`reading ${reader.name}`, error)
  }

  #pausePartition(reader: PartitionReader): void {
    reader.fetchFailed(reader.progress.fail(this.#fetcher.cluster))
  }

  /**
   * A broker wants another position. The first time that is looked into at once (true); when it
   * happens again before any record came, the fetch waits first: positions must not spin.
   */
  #mayReposition(reader: PartitionReader): boolean {
    const { progress } = reader
    if (progress.notBefore <= this.#now) {
      progress.fail(this.#fetcher.cluster)
      return true
    }
    reader.fetchFailed(progress.notBefore)
    return false
  }

  /** No answer: the connection is gone or the deadline passed. The session is in doubt. */
  #handleFailure(error: unknown, asked: ReadonlyMap<string, Asked>): void {
    for (const { reader } of asked.values()) reader.progress.preferReplica(undefined)
    this.#session.restart()
    this.#slowDown()
    this.#fetcher.report.note(this.#what, error)
    this.#fetcher.askForMetadata('a fetch got no answer')
  }

  #slowDown(): void {
    this.#pace.failed(this.#fetcher.cluster)
  }

  async close(): Promise<void> {
    const { cluster, options } = this.#fetcher
    this.#timer.clear()
    const sessionId = this.#session.openId
    // The broker answers in order: behind a long poll the good-bye would only wait.
    if (sessionId === 0 || this.#isInFlight || !cluster.metadata.brokers.has(this.#nodeId)) return
    const plan: FetchPlan = {
      sessionId,
      sessionEpoch: -1,
      named: [],
      forgotten: [],
      wanted: new Map(),
    }
    await cluster
      .request(
        fetch,
        this.#nodeId,
        fetchBody(plan, options, { rackId: undefined, maxWaitMs: 0, minBytes: 0, maxBytes: 1 }),
        {
          purpose: this.#fetcher.purpose,
          timeoutMs: FAREWELL_TIMEOUT_MS,
        },
      )
      .catch(() => undefined)
  }
}

const FAREWELL_TIMEOUT_MS = 1000

interface FetchLimits {
  readonly rackId: string | undefined
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
}

function fetchBody(
  plan: FetchPlan,
  { isolationLevel }: FetcherOfAll['options'],
  { rackId, maxWaitMs, minBytes, maxBytes }: FetchLimits,
) {
  return (version: number): RequestInput<typeof fetch> => ({
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: isolationLevel === 'read_committed' ? 1 : 0,
    rackId,
    sessionId: plan.sessionId,
    sessionEpoch: plan.sessionEpoch,
    topics: byTopic(plan.named, version, (target) => ({
      partition: target.partition,
      fetchOffset: target.fetchOffset,
      currentLeaderEpoch: target.currentLeaderEpoch,
      lastFetchedEpoch: version >= FIRST_VERSION_WITH_EPOCHS ? target.lastFetchedEpoch : undefined,
      partitionMaxBytes: target.partitionMaxBytes,
    })),
    forgottenTopicsData: byTopic(plan.forgotten, version, ({ partition }) => partition),
  })
}

function byTopic<T>(
  targets: readonly FetchTarget[],
  version: number,
  partitionOf: (target: FetchTarget) => T,
): { readonly topic?: string; readonly topicId?: string; readonly partitions: readonly T[] }[] {
  const topics = new Map<string, { topic?: string; topicId?: string; partitions: T[] }>()
  for (const target of targets) {
    const { topic, topicId } = target
    const key = `${topicId} ${topic}`
    const names = version > LAST_VERSION_WITH_NAMES ? { topicId } : { topic }
    const entry = topics.get(key) ?? { ...names, partitions: [] }
    topics.set(key, entry)
    entry.partitions.push(partitionOf(target))
  }
  return [...topics.values()]
}

function nameOf(plan: FetchPlan, topicId: string): string | undefined {
  for (const target of plan.wanted.values()) if (target.topicId === topicId) return target.topic
  return undefined
}
