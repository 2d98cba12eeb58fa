/**
 * Reads record batches. A fetch has three parts: the session knows which partitions are read, one
 * pass reads the available records, and if these are too few the request waits and reads again. The
 * response contains the log's own buffers; nothing is copied.
 */
import { ErrorCode, fetch, type RequestOf, type ResponseInput } from '@odradek/protocol'
import { LeaderHints } from '../cluster/leader-lookup.ts'
import { waitForPartitions } from '../cluster/long-poll.ts'
import type { Partition } from '../cluster/partition.ts'
import { enoughBytes } from '../fetch/enough-bytes.ts'
import type { FetchContext } from '../fetch/fetch-sessions.ts'
import { servesFollowerFetches } from '../fetch/preferred-replica.ts'
import {
  type FetchLimits,
  type PartitionRead,
  type Read,
  readPartitions,
} from '../fetch/read-partitions.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

type Body = RequestOf<typeof fetch>
type TopicResponse = ResponseInput<typeof fetch>['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

const TOPIC_IDS_FROM_VERSION = 13
const HINTS_FROM_VERSION = 16
const READ_COMMITTED = 1
const NO_RECORDS: readonly Buffer[] = []

export const fetchHandler = handler({
  api: fetch,
  handle(body, context) {
    const { node, version } = context
    const session = node.fetchSessions.open(body, version >= TOPIC_IDS_FROM_VERSION)
    if (!('partitions' in session)) {
      return { throttleTimeMs: 0, errorCode: session.errorCode, sessionId: 0, responses: [] }
    }
    const maxBytes = Math.min(body.maxBytes, context.cluster.options.fetchMaxBytes)
    const isCommittedOnly = body.isolationLevel === READ_COMMITTED
    const usesFollowers = servesFollowerFetches(context.cluster, version)
    const limits = { maxBytes, rackId: body.rackId, usesFollowers, isCommittedOnly }
    const read = readPartitions(session, limits, node)
    const isReady =
      body.maxWaitMs <= 0 ||
      read.partitions.length === 0 ||
      read.isUrgent ||
      read.byteLength >= body.minBytes
    if (isReady) return responseOf(session, read, isCommittedOnly, context)
    return waitAndRead(body, session, read, limits, context)
  },
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    errorCode,
    sessionId: 0,
    responses: body.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => failed(partition, errorCode)),
    })),
  }),
})

async function waitAndRead(
  body: Body,
  session: FetchContext,
  read: Read,
  limits: FetchLimits,
  context: RequestContext,
): Promise<ResponseInput<typeof fetch>> {
  const partitions: Partition[] = []
  for (const { found } of read.partitions) {
    if (found.partition !== undefined) partitions.push(found.partition)
  }
  const missingBytes = body.minBytes - read.byteLength
  const isEnough = enoughBytes(partitions, missingBytes, limits.isCommittedOnly)
  const hasClient = await waitForPartitions(
    { partitions, maxWaitMs: body.maxWaitMs, isEnough },
    context.node.environment.timers,
    context.connection,
  )
  // The client is gone: this response must not change the session.
  if (!hasClient) return { throttleTimeMs: 0, sessionId: 0, responses: [] }
  const again = readPartitions(session, limits, context.node)
  return responseOf(session, again, limits.isCommittedOnly, context)
}

function responseOf(
  session: FetchContext,
  read: Read,
  isCommittedOnly: boolean,
  context: RequestContext,
): ResponseInput<typeof fetch> {
  const hints = new LeaderHints(context.cluster)
  const topics = new Map<
    string,
    { topic: string; topicId: string; partitions: PartitionResponse[] }
  >()
  for (const one of read.partitions) {
    const { topic, topicId } = one.wanted
    if (!isNews(one) && session.isIncremental) continue
    remember(one)
    if (one.byteLength > 0) session.rotate(one.key)
    const key = `${topic} ${topicId}`
    let entry = topics.get(key)
    if (entry === undefined) {
      entry = { topic, topicId, partitions: [] }
      topics.set(key, entry)
    }
    const answer = partitionOf(one, hints, context.version)
    entry.partitions.push(isCommittedOnly ? { ...answer, ...abortedIn(one) } : answer)
  }
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    sessionId: session.sessionId,
    responses: [...topics.values()],
    nodeEndpoints: hints.endpoints(),
  }
}

/** Whether the client does not have this result yet. */
function isNews(read: PartitionRead): boolean {
  const { wanted, found, errorCode, diverging, byteLength } = read
  if (errorCode !== ErrorCode.NONE || diverging !== undefined || byteLength > 0) return true
  return (
    read.preferredReadReplica >= 0 ||
    read.highWatermark !== wanted.sentHighWatermark ||
    found.partition?.log.logStartOffset !== wanted.sentLogStartOffset
  )
}

function remember({ wanted, found, errorCode, highWatermark }: PartitionRead): void {
  const log = errorCode === ErrorCode.NONE ? found.partition?.log : undefined
  wanted.sentHighWatermark = log === undefined ? -1 : highWatermark
  wanted.sentLogStartOffset = log?.logStartOffset ?? -1
}

function partitionOf(one: PartitionRead, hints: LeaderHints, version: number): PartitionResponse {
  const { wanted, found, errorCode, diverging, chunks } = one
  const index = wanted.requested.partition
  if (errorCode !== ErrorCode.NONE) {
    const currentLeader = version >= HINTS_FROM_VERSION ? hints.hint(found) : undefined
    return { ...failed(index, errorCode), currentLeader }
  }
  // Without an error the partition was found.
  const { log } = found.partition as Partition
  return {
    partitionIndex: index,
    errorCode,
    highWatermark: one.highWatermark,
    lastStableOffset: Math.min(log.lastStableOffset, one.highWatermark),
    logStartOffset: log.logStartOffset,
    divergingEpoch: diverging,
    abortedTransactions: null,
    preferredReadReplica: one.preferredReadReplica,
    records: chunks,
  }
}

/** The aborted transactions whose records a reader of committed records must skip. */
function abortedIn({ wanted, found, errorCode, nextOffset }: PartitionRead) {
  const { partition } = found
  if (errorCode !== ErrorCode.NONE || partition === undefined) return {}
  const aborted = partition.log.abortedBetween(wanted.requested.fetchOffset, nextOffset)
  return {
    abortedTransactions: aborted.map(({ producerId, firstOffset }) => ({
      producerId,
      firstOffset,
    })),
  }
}

function failed(partitionIndex: number, errorCode: number): PartitionResponse {
  return {
    partitionIndex,
    errorCode,
    highWatermark: -1,
    abortedTransactions: null,
    records: NO_RECORDS,
  }
}
