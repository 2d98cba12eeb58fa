/**
 * One pass over the partitions of a share session: what can be acquired, under the request's
 * limits.
 */
import { ErrorCode } from '@odradek/protocol'
import { findLed, type Led } from '../cluster/leader-lookup.ts'
import type { SharePartitions } from './share-partitions.ts'
import type { AcquiredRange } from './share-record.ts'
import type { ShareSession } from './share-sessions.ts'

export interface ShareRead {
  readonly key: string
  readonly topicId: string
  readonly partition: number
  readonly found: Led
  readonly errorCode: number
  readonly ranges: readonly AcquiredRange[]
  readonly recordCount: number
  readonly chunks: readonly Buffer[]
}

export interface ReadLimits {
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxRecords: number
  readonly batchSize: number
  readonly shareAcquireMode: number
  /** The time to wait has passed: any number of bytes is enough. */
  readonly isLast: boolean
}

const RECORD_LIMIT = 1

export function readShares(
  session: ShareSession,
  limits: ReadLimits,
  shares: SharePartitions,
): readonly ShareRead[] {
  const { cluster, environment } = shares.broker
  const { groupId, memberId, partitions } = session
  const shareLimits = shares.limitsOf(groupId)
  const wanted = [...partitions].map(([key, one]) => ({
    key,
    ...one,
    found: findLed({ topic: null, topicId: one.topicId, partition: one.partition }, shares.broker),
  }))
  const led = wanted.flatMap(({ found: { errorCode, topic, partition } }) =>
    errorCode === ErrorCode.NONE && topic !== undefined && partition !== undefined
      ? [shares.open(groupId, topic, partition)]
      : [],
  )
  const isEnough =
    limits.isLast ||
    limits.minBytes <= 1 ||
    led.reduce((sum, share) => sum + share.availableBytes(shareLimits), 0) >= limits.minBytes
  let recordsLeft = limits.maxRecords
  let bytesLeft = Math.min(limits.maxBytes, cluster.options.fetchMaxBytes)
  let isFirst = true
  return wanted.map(({ key, topicId, partition: index, found }): ShareRead => {
    const nothing = { ranges: [], recordCount: 0, chunks: [] }
    const read = { key, topicId, partition: index, found, errorCode: found.errorCode }
    const { topic, partition } = found
    const isLed =
      found.errorCode === ErrorCode.NONE && topic !== undefined && partition !== undefined
    if (!isLed || !isEnough || recordsLeft <= 0) return { ...read, ...nothing }
    const acquired = shares.open(groupId, topic, partition).acquire({
      memberId,
      now: environment.clock.monotonic(),
      maxRecords: recordsLeft,
      maxBytes: bytesLeft,
      batchSize: limits.batchSize,
      isRecordLimit: limits.shareAcquireMode === RECORD_LIMIT,
      atLeastOne: isFirst,
      limits: shareLimits,
    })
    if (acquired.recordCount > 0) {
      shares.watchLocks(groupId, topic, partition)
      // The next request reads it last.
      partitions.delete(key)
      partitions.set(key, { topicId, partition: index })
      isFirst = false
    }
    recordsLeft -= acquired.recordCount
    bytesLeft = Math.max(0, bytesLeft - acquired.byteLength)
    return { ...read, ...acquired }
  })
}
