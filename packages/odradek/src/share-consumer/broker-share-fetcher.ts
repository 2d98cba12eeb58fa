/**
 * The share session with one broker at work: what is acquired there, what is to be told about it,
 * and when. One request at a time, as sessions want it. Acknowledgements ride on the next fetch;
 * when none is due they go alone, a moment after the first of them was made. Locks of records that
 * somebody has in hand, or is about to take, are renewed when half of their time is left.
 */
import {
  BrokerError,
  CodecUnavailableError,
  ErrorCode,
  KafkaError,
  ProtocolError,
  type ResponseOf,
  shareAcknowledge,
  shareFetch,
} from '@odradek/protocol'
import { withDeadline } from '../async/deadline.ts'
import { EarliestTimer } from '../async/earliest-timer.ts'
import type { Purpose } from '../cluster/broker-pool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Pace, SHORTEST_ROUND_MS } from '../cluster/pace.ts'
import type { StallReport } from '../cluster/stall-reporter.ts'
import { TimeoutError } from '../errors/errors.ts'
import { type AssignedPartition, idPartitionKey } from '../groups/shell/membership.ts'
import { fetchReaction } from '../consumer/fetch/fetch-reaction.ts'
import { loadCodecsOf } from '../consumer/fetch/load-codecs-of.ts'
import { readAcquired } from './acquired-records.ts'
import type { ShareLedger } from './acknowledgement-tracker.ts'
import type { Appetite } from './adaptive-batch-size.ts'
import { BrokerLocks, type LotAnswer } from './broker-locks.ts'
import type { Acknowledgement, Hold, HoldKeeper, LockTimes } from './acquired-record.ts'
import type { AcknowledgementLot } from './pending-acknowledgements.ts'
import { acknowledgeReaction, shareSessionReaction } from '../groups/share/share-reactions.ts'
import {
  FIRST_VERSION_WITH_RENEWALS,
  shareAcknowledgeBody,
  shareFetchBody,
} from './share-requests.ts'
import { FINAL_EPOCH, type SharePlan, ShareSession } from './share-session.ts'
import type { EffectiveShareConsumerOptions } from './share-consumer-options.ts'
import type { ShareBuffer } from './share-fetch-buffer.ts'
import type { ShareIdentity } from '../groups/share/share-snapshots.ts'
import type { ShareTarget } from './share-target.ts'

type FetchResponse = ResponseOf<typeof shareFetch>
type PartitionAnswer = FetchResponse['responses'][number]['partitions'][number]
type AcknowledgeResponse = ResponseOf<typeof shareAcknowledge>
type AcknowledgeAnswer = AcknowledgeResponse['responses'][number]['partitions'][number]

/** What was asked, and when it was written. */
interface Asked {
  readonly lots: readonly AcknowledgementLot[]
  sentAt: number
}

/** What one broker's session needs of the fetcher for all brokers. */
export interface ShareFetcherOfAll {
  readonly cluster: Cluster
  readonly options: EffectiveShareConsumerOptions
  readonly identity: ShareIdentity
  readonly ledger: ShareLedger
  readonly stalls: StallReport
  readonly buffer: ShareBuffer
  readonly purpose: Purpose
  readonly appetite: Appetite
  readonly isBeingRead: boolean
  canRenew: boolean
  wake(): void
  askForMetadata(reason: string): void
}

/** A long poll holds up renewals behind it: with records in hand, by so much of a lock at most. */
const POLL_SHARE_OF_LOCK = 0.25

export class BrokerSharer implements HoldKeeper {
  readonly #fetcher: ShareFetcherOfAll
  readonly #nodeId: number
  readonly #session = new ShareSession()
  readonly #locks: BrokerLocks
  #flight: Promise<void> | undefined
  /** The session is being ended because nothing reads. */
  #resting: Promise<void> | undefined
  #isFetching = false
  #canRenew = true
  #lockMs = 0
  readonly #pace = new Pace()
  /** Of fetches alone: what is to be acknowledged does not wait for it. */
  readonly #fetchPace = new Pace()
  readonly #timer: EarliestTimer

  constructor(fetcher: ShareFetcherOfAll, nodeId: number) {
    this.#fetcher = fetcher
    this.#nodeId = nodeId
    this.#timer = new EarliestTimer(fetcher.cluster.environment, () => fetcher.wake())
    this.#locks = new BrokerLocks(fetcher.ledger, {
      mayRenew: (hold, now) => this.#mayRenew(hold, now),
      isWanted: () => fetcher.isBeingRead,
    })
  }

  /** For people: what does not work when this does not. */
  get #what(): string {
    return `reading from broker ${this.#nodeId}`
  }

  get #now(): number {
    return this.#fetcher.cluster.environment.clock.monotonic()
  }

  /** A fetch is under way: others may have to wait for it. */
  get isFetching(): boolean {
    return this.#isFetching
  }

  tell(hold: Hold, acknowledgement: Acknowledgement): void {
    this.#locks.tell(hold, acknowledgement, this.#now)
    this.#fetcher.wake()
  }

  /** It may have waited long: its lock may be due for renewal, now that it is wanted. */
  handedOut(hold: Hold): void {
    if (this.#locks.handedOut(hold, this.#now)) this.#fetcher.wake()
  }

  giveUp(hold: Hold): void {
    this.#locks.giveUp(hold, this.#now)
    this.#fetcher.wake()
  }

  /** What is pending does not wait for company. */
  hurry(): void {
    this.#locks.tellBy(this.#now)
  }

  /** Does what is due now; `targets` are all that this broker leads. */
  consider(targets: readonly ShareTarget[], wantsRecords: boolean): void {
    if (this.#flight !== undefined || this.#resting !== undefined) return
    const now = this.#now
    if (now < this.#pace.notBefore) {
      this.#timer.set(this.#pace.notBefore)
      return
    }
    const locks = this.#locks
    if (targets.length === 0) this.#fetcher.stalls.clear(this.#what)
    // Who had too much in hand to be given more may have room now.
    if (locks.lookAfter(now)) this.#fetcher.wake()
    const mayFetch = this.#fetchPace.notBefore <= now
    const ready = mayFetch ? targets.filter(({ pace }) => pace.notBefore <= now) : []
    if (this.#mustTell(now, ready, wantsRecords)) this.#acknowledge()
    else if (wantsRecords && ready.length > 0) this.#fetch(ready)
    else if (locks.areUnwanted(now)) this.#farewell()
    else if (wantsRecords) {
      for (const { pace } of mayFetch ? targets : [{ pace: this.#fetchPace }]) {
        this.#timer.set(pace.notBefore)
      }
    }
    if (this.#flight === undefined) this.#timer.set(locks.tellAt)
    this.#timer.set(locks.nextCheckAt)
  }

  #mustTell(now: number, targets: readonly ShareTarget[], wantsRecords: boolean): boolean {
    const locks = this.#locks
    if (!locks.hasPending) return false
    if (!this.#session.isOpen) {
      locks.loseEverything([], new TimeoutError('The share session ended before this was told.'))
      return false
    }
    const isFetchNext = wantsRecords && targets.length > 0
    // What cannot ride on the fetch goes first.
    return isFetchNext ? !locks.mayRideOn(targets) : now >= locks.tellAt
  }

  #mayRenew(hold: Hold, now: number): boolean {
    if (!this.#canRenew || !this.#fetcher.canRenew) return false
    const { options, isBeingRead } = this.#fetcher
    if (hold.stage === 'buffered') return isBeingRead
    return now - hold.handedOutAt < options.maxPollIntervalMs
  }

  #fetch(targets: readonly ShareTarget[]): void {
    const { options, cluster, identity, purpose } = this.#fetcher
    const plan = this.#session.next(targets)
    const asked: Asked = {
      lots: this.#session.isOpen ? this.#locks.take(this.#now) : [],
      sentAt: this.#now,
    }
    const longest = this.#locks.isEmpty
      ? options.fetchMaxWaitMs
      : Math.floor(this.#lockMs * POLL_SHARE_OF_LOCK)
    const wantedMs = Math.min(options.fetchMaxWaitMs, longest)
    // A poll that was cut short on purpose is not made longer here.
    const isShortened = wantedMs < options.fetchMaxWaitMs || !this.#locks.isEmpty
    const roundMs = isShortened ? wantedMs : Math.max(wantedMs, SHORTEST_ROUND_MS)
    const maxWaitMs = this.#fetchPace.isIdle ? roundMs : wantedMs
    const limits = {
      maxWaitMs,
      minBytes: maxWaitMs > wantedMs ? 1 : options.fetchMinBytes,
      maxBytes: options.fetchMaxBytes,
      maxRecords: this.#fetcher.appetite.size,
      isRecordLimit: options.shareAcquireMode === 'record_limit',
    }
    this.#isFetching = true
    const answer = cluster.request(
      shareFetch,
      this.#nodeId,
      (version) => {
        asked.sentAt = this.#now
        this.#canRenew = version >= FIRST_VERSION_WITH_RENEWALS
        return shareFetchBody(identity, plan, asked.lots, limits)
      },
      { purpose, brokerWaitMs: limits.maxWaitMs },
    )
    const handle = (response: FetchResponse): void => {
      const hasNews = this.#fetched(plan, asked, targets, response)
      if (hasNews) this.#fetchPace.progressed()
      else this.#fetchPace.idled(cluster, { sentAt: asked.sentAt, roundMs })
    }
    this.#fly(answer, asked, (response) => {
      const loading = loadCodecsOf(response)
      return loading === undefined ? handle(response) : loading.then(() => handle(response))
    })
  }

  #acknowledge(epoch = this.#session.epoch): void {
    const { cluster, identity, purpose } = this.#fetcher
    const asked: Asked = { lots: this.#locks.take(this.#now), sentAt: this.#now }
    const answer = cluster.request(
      shareAcknowledge,
      this.#nodeId,
      (version) => {
        asked.sentAt = this.#now
        return shareAcknowledgeBody(identity, epoch, asked.lots, version)
      },
      { purpose },
    )
    this.#fly(answer, asked, (response) => this.#acknowledged(asked, response))
  }

  #fly<T>(answer: Promise<T>, asked: Asked, handle: (response: T) => void | Promise<void>): void {
    this.#flight = answer
      .then(handle, (error: unknown) => this.#failed(asked, error))
      .catch((error: unknown) => this.#failed(asked, error))
      .finally(() => {
        this.#flight = undefined
        this.#isFetching = false
        this.#fetcher.wake()
      })
  }

  #fetched(
    plan: SharePlan,
    asked: Asked,
    targets: readonly ShareTarget[],
    response: FetchResponse,
  ): boolean {
    const { cluster } = this.#fetcher
    cluster.learnBrokers(response.nodeEndpoints)
    if (response.errorCode !== 0) {
      this.#refused(asked, response.errorCode, response.errorMessage)
      return true
    }
    refuseLock(response.acquisitionLockTimeoutMs)
    this.#succeeded()
    this.#session.fetched(plan)
    let hasNews = false
    const times = {
      sentAt: asked.sentAt,
      answeredAt: this.#now,
      lockMs: response.acquisitionLockTimeoutMs,
    }
    this.#lockMs = times.lockMs
    const lots = new Map(asked.lots.map((lot) => [idPartitionKey(lot.partition), lot]))
    const byKey = new Map(targets.map((target) => [idPartitionKey(target), target]))
    for (const { topicId, partitions } of response.responses) {
      for (const answer of partitions) {
        const key = `${topicId}:${answer.partitionIndex}`
        const lot = lots.get(key)
        lots.delete(key)
        if (lot !== undefined) {
          const { acknowledgeErrorCode: errorCode, acknowledgeErrorMessage: errorMessage } = answer
          this.#settle(lot, { errorCode, errorMessage }, times)
        }
        const target = byKey.get(key)
        if (target === undefined) continue
        if (this.#handlePartition(target, answer, times)) hasNews = true
      }
    }
    for (const lot of lots.values()) this.#settle(lot, UNANSWERED, times)
    return hasNews
  }

  /** Whether it brought records, or an error with a pace of its own. */
  #handlePartition(target: ShareTarget, answer: PartitionAnswer, times: LockTimes): boolean {
    const { cluster, stalls } = this.#fetcher
    this.#hint(target, answer.currentLeader)
    const reaction = fetchReaction(answer.errorCode)
    const what = `reading ${target.name}`
    if (reaction === 'data') {
      target.pace.progressed()
      stalls.clear(what)
      return this.#acquire(target, answer, times)
    }
    const error = new BrokerError(answer.errorCode, {
      action: `read ${target.name}`,
      brokerMessage: answer.errorMessage,
    })
    target.pace.failed(cluster)
    stalls.note(what, error)
    if (reaction === 'fail') this.#fetcher.buffer.fail(error)
    else this.#fetcher.askForMetadata(`a share fetch was answered ${error.code}`)
    if (acknowledgeReaction(answer.errorCode) === 'lost') this.#locks.losePartition(target, error)
    return true
  }

  #hint(target: AssignedPartition, leader: PartitionAnswer['currentLeader']): void {
    if (leader.leaderId < 0) return
    this.#fetcher.cluster.hintLeader(target.topic, target.partition, leader)
  }

  #acquire(target: ShareTarget, answer: PartitionAnswer, times: LockTimes): boolean {
    const { appetite, buffer, options, stalls } = this.#fetcher
    if (answer.acquiredRecords.length === 0) return false
    const { records, gaps, unreadable, error } = readAcquired({
      target,
      times,
      keeper: this,
      records: answer.records ?? Buffer.alloc(0),
      ranges: answer.acquiredRecords,
      checkCrcs: options.checkCrcs,
    })
    for (const { hold } of records) this.#locks.acquire(hold)
    this.#locks.tellOffsets(target, gaps, 'gap')
    // It comes again, here or at another member; after its last delivery the group gives it up.
    this.#locks.tellOffsets(target, unreadable, 'release')
    if (gaps.length + unreadable.length > 0) this.#locks.tellBy(this.#now)
    if (unreadable.length > 0) {
      stalls.note(`decoding records of ${target.name} from offset ${unreadable[0]}`, error, 0)
      const { cluster } = this.#fetcher
      target.pace.pause(cluster, cluster.options.retryBackoffMaxMs)
    }
    if (error instanceof CodecUnavailableError) {
      // Each delivery counts towards the limit: this member fetches no more of the partition.
      target.pace.pause(this.#fetcher.cluster, Number.POSITIVE_INFINITY)
      buffer.fail(error)
    }
    if (records.length > 0) appetite.fed(this.#now)
    buffer.offer(records)
    // A lock that is over on arrival is of no use to anyone.
    return records.some(({ hold }) => hold.safeUntil > this.#now)
  }

  #acknowledged(asked: Asked, response: AcknowledgeResponse): void {
    this.#fetcher.cluster.learnBrokers(response.nodeEndpoints)
    if (response.errorCode !== 0) {
      this.#refused(asked, response.errorCode, response.errorMessage)
      return
    }
    this.#succeeded()
    this.#session.acknowledged()
    const { acquisitionLockTimeoutMs } = response
    const lockMs = acquisitionLockTimeoutMs > 0 ? acquisitionLockTimeoutMs : this.#lockMs
    const times = { sentAt: asked.sentAt, answeredAt: this.#now, lockMs }
    const answers = new Map<string, AcknowledgeAnswer>(
      response.responses.flatMap(({ topicId, partitions }) =>
        partitions.map((answer) => [`${topicId}:${answer.partitionIndex}`, answer] as const),
      ),
    )
    for (const lot of asked.lots) {
      const answer = answers.get(idPartitionKey(lot.partition))
      if (answer !== undefined) this.#hint(lot.partition, answer.currentLeader)
      this.#settle(lot, answer ?? UNANSWERED, times)
    }
  }

  #settle(lot: AcknowledgementLot, answer: LotAnswer, times: LockTimes): void {
    switch (this.#locks.settle(lot, answer, times)) {
      case 'retry':
        this.#slowDown()
        this.#locks.putBack([lot], this.#pace.notBefore)
        return
      case 'lost':
        this.#fetcher.askForMetadata('a leader does not know what it was told')
        return
      case 'done':
    }
  }

  /** An error of the whole answer. */
  #refused(asked: Asked, errorCode: number, brokerMessage: string | null): void {
    const { identity, buffer, stalls } = this.#fetcher
    const action = `read as share group "${identity.groupId}"`
    const error = new BrokerError(errorCode, { action, brokerMessage })
    const reaction = shareSessionReaction(errorCode)
    if (reaction === 'reset') {
      this.#endSession(asked, error)
      return
    }
    if (this.#session.isOpen) this.#session.acknowledged()
    this.#slowDown()
    this.#locks.putBack(asked.lots, this.#pace.notBefore)
    stalls.note(this.#what, error)
    if (reaction === 'fail') buffer.fail(error)
  }

  /** No answer: the connection is gone, and a broker lets go of what was acquired over it. */
  #failed(asked: Asked, error: unknown): void {
    const known = error instanceof Error ? error : new TimeoutError(String(error))
    this.#endSession(asked, known)
    this.#fetcher.stalls.note(this.#what, known)
    if (error instanceof KafkaError && !error.retriable) this.#fetcher.buffer.fail(error)
    this.#fetcher.askForMetadata('a share fetch got no answer')
  }

  #endSession(asked: Asked, error: Error): void {
    this.#session.reset()
    this.#locks.loseEverything(asked.lots, error)
    this.#slowDown()
  }

  #succeeded(): void {
    this.#pace.progressed()
    this.#fetcher.stalls.clear(this.#what)
  }

  #slowDown(): void {
    this.#pace.failed(this.#fetcher.cluster)
  }

  /**
   * Ends the session: what was never handed out goes back to the group now, not when it expires.
   */
  #farewell(): void {
    this.#locks.giveBack(GIVEN_BACK)
    if (!this.#session.isOpen) return
    this.#acknowledge(FINAL_EPOCH)
    this.#flight = this.#flight?.finally(() => this.#session.reset())
  }

  /** A record that is held and not settled; undefined when there is none. */
  get firstOpen(): Hold | undefined {
    return this.#locks.firstOpen
  }

  /**
   * Nothing reads: sends what was decided, and ends the session. Every record that it holds goes
   * back to the group. The next fetch begins another session.
   */
  async rest(deadline: number): Promise<void> {
    this.#timer.clear()
    this.#locks.giveUpHandedOut(UNREAD)
    this.#resting ??= this.#closed(deadline).finally(() => {
      this.#resting = undefined
      this.#fetcher.wake()
    })
    await withDeadline(this.#fetcher.cluster.environment, this.#resting, deadline, undefined)
  }

  /** Tells what is to be told and ends the session, as far as the deadline allows. */
  async close(deadline: number): Promise<void> {
    const { cluster } = this.#fetcher
    this.#timer.clear()
    await withDeadline(cluster.environment, this.#closed(deadline), deadline, undefined)
  }

  async #closed(deadline: number): Promise<void> {
    await this.#resting
    await this.#flight
    while (this.#locks.hasPending && this.#session.isOpen && this.#now < deadline) {
      await this.#fetcher.cluster.sleep(this.#pace.notBefore - this.#now)
      this.#acknowledge()
      await this.#flight
    }
    this.#farewell()
    await this.#flight
  }
}

/** Nothing can be read under a lock that has no duration. */
function refuseLock(lockMs: number): void {
  if (lockMs > 0) return
  throw new ProtocolError(`A broker locks records for ${lockMs} ms`, { retriable: true })
}

/** An answer that does not speak of what was told. */
const UNANSWERED: LotAnswer = { errorCode: ErrorCode.INVALID_RECORD_STATE, errorMessage: null }
const UNREAD = new TimeoutError(
  'Nothing reads this share consumer: the record was released before it was acknowledged.',
)
const GIVEN_BACK = new TimeoutError('Nobody reads: what was fetched is given back.')
