/**
 * Share sessions (KIP-932): the broker remembers which partitions a member reads, so that a request
 * names only what changed. Epoch 0 begins a session, -1 ends it, every other request carries the
 * epoch that follows the last; a session also ends with the connection on which it began.
 */
import { ErrorCode } from '@odradek/protocol'
import { partitionKey, type TopicIdPartitions } from '../cluster/topic-partitions.ts'

export interface WantedSharePartition {
  readonly topicId: string
  readonly partition: number
}

export interface ShareSession {
  readonly groupId: string
  readonly memberId: string
  epoch: number
  /** In the order in which they are read: a partition with records moves to the end. */
  readonly partitions: Map<string, WantedSharePartition>
  /** The connection is no longer watched. */
  forget: () => void
}

export interface ShareSessionRequest {
  readonly groupId: string
  readonly memberId: string
  readonly epoch: number
}

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_INT = 0x7fff_ffff

export class ShareSessions {
  readonly #maxSessions: number
  readonly #sessions = new Map<string, ShareSession>()

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions
  }

  get size(): number {
    return this.#sessions.size
  }

  /** The session of a fetch, or an error code. */
  open(
    { groupId, memberId, epoch }: ShareSessionRequest,
    added: readonly TopicIdPartitions[],
    forgotten: readonly TopicIdPartitions[],
  ): ShareSession | number {
    const key = keyOf(groupId, memberId)
    const known = this.#sessions.get(key)
    if (epoch !== INITIAL_EPOCH) {
      const session = this.proceed({ groupId, memberId, epoch })
      if (typeof session === 'number' || epoch === FINAL_EPOCH) return session
      add(session, added)
      for (const { topicId, partitions } of forgotten) {
        for (const one of partitions) session.partitions.delete(partitionKey(topicId, one))
      }
      return session
    }
    known?.forget()
    this.#sessions.delete(key)
    if (this.#sessions.size >= this.#maxSessions) return ErrorCode.SHARE_SESSION_LIMIT_REACHED
    const session: ShareSession = {
      groupId,
      memberId,
      epoch: INITIAL_EPOCH + 1,
      partitions: new Map(),
      forget: () => undefined,
    }
    add(session, added)
    this.#sessions.set(key, session)
    return session
  }

  /** The session of an acknowledgement, which cannot begin one. */
  proceed({ groupId, memberId, epoch }: ShareSessionRequest): ShareSession | number {
    if (epoch === INITIAL_EPOCH) return ErrorCode.INVALID_SHARE_SESSION_EPOCH
    const session = this.#sessions.get(keyOf(groupId, memberId))
    if (session === undefined) return ErrorCode.SHARE_SESSION_NOT_FOUND
    if (epoch === FINAL_EPOCH) return session
    if (epoch !== session.epoch) return ErrorCode.INVALID_SHARE_SESSION_EPOCH
    session.epoch = session.epoch === MAX_INT ? 1 : session.epoch + 1
    return session
  }

  find(groupId: string, memberId: string): ShareSession | undefined {
    return this.#sessions.get(keyOf(groupId, memberId))
  }

  /** Forgets the session, if it is still this one. */
  remove(session: ShareSession): boolean {
    const key = keyOf(session.groupId, session.memberId)
    if (this.#sessions.get(key) !== session) return false
    session.forget()
    return this.#sessions.delete(key)
  }
}

/** Neither may contain a line break. */
function keyOf(groupId: string, memberId: string): string {
  return `${groupId}\n${memberId}`
}

function add({ partitions }: ShareSession, topics: readonly TopicIdPartitions[]): void {
  for (const { topicId, partitions: indexes } of topics) {
    for (const partition of indexes) {
      const key = partitionKey(topicId, partition)
      if (!partitions.has(key)) partitions.set(key, { topicId, partition })
    }
  }
}
