/**
 * Fetch sessions (KIP-227): the broker remembers which partitions a client reads, so that a request
 * names only what changed and a response only what is new. A request without a session, or that
 * begins or ends one, is full; every other one must carry the epoch that follows the last. When all
 * places are taken the least recently used session is evicted; its client gets
 * FETCH_SESSION_ID_NOT_FOUND and starts a new session.
 */
import type { Random } from '@odradek/environment'
import { ErrorCode, type fetch, type RequestOf, ZERO_UUID } from '@odradek/protocol'

type Body = RequestOf<typeof fetch>
export type FetchPartition = Body['topics'][number]['partitions'][number]

/** One partition that a fetch reads, and the offsets that its client last received. */
export interface WantedPartition {
  readonly topic: string
  readonly topicId: string
  requested: FetchPartition
  sentHighWatermark: number
  sentLogStartOffset: number
}

interface Session {
  readonly id: number
  readonly usesTopicIds: boolean
  epoch: number
  /** In the order in which they are read: a partition with records moves to the end. */
  readonly partitions: Map<string, WantedPartition>
}

export interface FetchContext {
  readonly errorCode: 0
  readonly sessionId: number
  /** An incremental response leaves out what has not changed. */
  readonly isIncremental: boolean
  readonly partitions: ReadonlyMap<string, WantedPartition>
  /** A partition got records: it is read last the next time. */
  readonly rotate: (key: string) => void
}

export interface SessionError {
  readonly errorCode: number
}

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_INT = 0x7fff_ffff
const NOTHING_SENT = -1

export class FetchSessions {
  readonly #maxSessions: number
  readonly #random: Random
  /** In the order of their last use. */
  readonly #sessions = new Map<number, Session>()

  constructor(maxSessions: number, random: Random) {
    this.#maxSessions = maxSessions
    this.#random = random
  }

  get size(): number {
    return this.#sessions.size
  }

  open(body: Body, usesTopicIds: boolean): FetchContext | SessionError {
    const { sessionId, sessionEpoch } = body
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      this.#sessions.delete(sessionId)
      const partitions = new Map<string, WantedPartition>()
      addTo(partitions, body)
      const session =
        sessionEpoch === INITIAL_EPOCH ? this.#create(partitions, usesTopicIds) : undefined
      return contextOf(session?.id ?? 0, partitions, false)
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    if (session.epoch !== sessionEpoch) return { errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH }
    if (session.usesTopicIds !== usesTopicIds) {
      return { errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR }
    }
    addTo(session.partitions, body)
    forgetFrom(session.partitions, body)
    this.#sessions.delete(sessionId)
    if (session.partitions.size === 0) return contextOf(0, session.partitions, false)
    session.epoch = session.epoch === MAX_INT ? 1 : session.epoch + 1
    this.#sessions.set(sessionId, session)
    return contextOf(sessionId, session.partitions, true)
  }

  #create(partitions: Map<string, WantedPartition>, usesTopicIds: boolean): Session | undefined {
    if (this.#maxSessions === 0 || partitions.size === 0) return undefined
    if (this.#sessions.size >= this.#maxSessions) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest)
        break
      }
    }
    let id = 0
    while (id === 0 || this.#sessions.has(id)) id = 1 + this.#random.integer(MAX_INT - 1)
    const session: Session = { id, usesTopicIds, epoch: INITIAL_EPOCH + 1, partitions }
    this.#sessions.set(id, session)
    return session
  }
}

function contextOf(
  sessionId: number,
  partitions: Map<string, WantedPartition>,
  isIncremental: boolean,
): FetchContext {
  return {
    errorCode: 0,
    sessionId,
    isIncremental,
    partitions,
    rotate: (key) => {
      const wanted = partitions.get(key)
      if (wanted === undefined) return
      partitions.delete(key)
      partitions.set(key, wanted)
    },
  }
}

function keyOf(topic: string, topicId: string, partition: number): string {
  return `${topicId === ZERO_UUID ? topic : topicId} ${partition}`
}

function addTo(partitions: Map<string, WantedPartition>, body: Body): void {
  for (const { topic, topicId, partitions: requested } of body.topics) {
    for (const one of requested) {
      const key = keyOf(topic, topicId, one.partition)
      const known = partitions.get(key)
      if (known !== undefined) known.requested = one
      else {
        partitions.set(key, {
          topic,
          topicId,
          requested: one,
          sentHighWatermark: NOTHING_SENT,
          sentLogStartOffset: NOTHING_SENT,
        })
      }
    }
  }
}

function forgetFrom(partitions: Map<string, WantedPartition>, body: Body): void {
  for (const { topic, topicId, partitions: forgotten } of body.forgottenTopicsData) {
    for (const partition of forgotten) partitions.delete(keyOf(topic, topicId, partition))
  }
}
