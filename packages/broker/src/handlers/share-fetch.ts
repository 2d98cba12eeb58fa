/**
 * Acquires records for a member of a share group, and takes its acknowledgements of earlier ones
 * first. The reader need not be a member at the group's coordinator: only the session is checked.
 * The results of acknowledgements wait with the records, as in Kafka.
 */
import { ErrorCode, type RequestOf, type ResponseInput, shareFetch } from '@odradek/protocol'
import { LeaderHints } from '../cluster/leader-lookup.ts'
import { waitForPartitions } from '../cluster/long-poll.ts'
import type { RequestContext } from '../services/request-context.ts'
import { type AcknowledgedPartition, acknowledgeTopics } from '../share/acknowledge-topics.ts'
import { readShares, type ShareRead } from '../share/read-shares.ts'
import type { ShareSession } from '../share/share-sessions.ts'
import { handler } from './handler.ts'
import { memberOf } from './share-member.ts'

type Body = RequestOf<typeof shareFetch>
type Answer = ResponseInput<typeof shareFetch>
type TopicResponse = Answer['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]
type Acknowledged = ReadonlyMap<string, AcknowledgedPartition>

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const NO_LEADER = { leaderId: 0, leaderEpoch: 0 }
const NO_RECORDS: readonly Buffer[] = []

export const shareFetchHandler = handler({
  api: shareFetch,
  handle(body, context) {
    const { node, cluster, connection } = context
    const member = memberOf(body, cluster)
    if (typeof member === 'number') return refused(member)
    const { groupId, memberId } = member
    const { shareSessionEpoch: epoch, topics, isRenewAck } = body
    const hasAcknowledgements = topics.some(({ partitions }) =>
      partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
    )
    if (epoch === INITIAL_EPOCH && hasAcknowledgements) return refused(ErrorCode.INVALID_REQUEST)
    if (isRenewAck && !isEmptyFetch(body)) return refused(ErrorCode.INVALID_REQUEST)
    const wanted = topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex),
    }))
    const request = { groupId, memberId, epoch }
    const session = node.shares.sessions.open(request, wanted, body.forgottenTopicsData)
    if (typeof session === 'number') return refused(session)
    if (epoch === INITIAL_EPOCH) {
      session.forget = connection.onceClosed(() => node.shares.release(session))
    }
    const acknowledged = acknowledgeTopics(session, topics, isRenewAck, node.shares)
    if (epoch === FINAL_EPOCH) {
      node.shares.release(session)
      return responseOf(session, [], acknowledged, body, context)
    }
    if (isRenewAck) return responseOf(session, [], acknowledged, body, context)
    const waitMs = Math.max(0, body.maxWaitMs)
    return acquire(session, acknowledged, body, waitMs, context)
  },
  errorResponse: (_body, errorCode) => refused(errorCode),
})

function refused(errorCode: number): Answer {
  const nothing = { responses: [], nodeEndpoints: [] }
  return { throttleTimeMs: 0, errorCode, acquisitionLockTimeoutMs: 0, ...nothing }
}

/** A request that renews must not fetch. */
function isEmptyFetch({ maxWaitMs, minBytes, maxBytes, maxRecords, batchSize }: Body): boolean {
  return [maxWaitMs, minBytes, maxBytes, maxRecords, batchSize].every((limit) => limit === 0)
}

function acquire(
  session: ShareSession,
  acknowledged: Acknowledged,
  body: Body,
  waitMs: number,
  context: RequestContext,
): Answer | Promise<Answer> {
  const reads = readShares(session, { ...body, isLast: waitMs === 0 }, context.node.shares)
  const isReady =
    waitMs === 0 ||
    reads.length === 0 ||
    reads.some(({ errorCode, recordCount }) => errorCode !== ErrorCode.NONE || recordCount > 0)
  if (isReady) return responseOf(session, reads, acknowledged, body, context)
  const { environment, shares } = context.node
  const { clock, timers } = environment
  const partitions = reads.flatMap(({ found }) => found.partition ?? [])
  const end = clock.monotonic() + waitMs
  const onWake = (wake: () => void) => shares.onAvailable(wake)
  return waitForPartitions(
    { partitions, maxWaitMs: waitMs, onWake },
    timers,
    context.connection,
  ).then((hasClient) => {
    // The client is gone: no records may be acquired for it.
    if (!hasClient) return refused(ErrorCode.NONE)
    const restMs = Math.max(0, Math.ceil(end - clock.monotonic()))
    return acquire(session, acknowledged, body, restMs, context)
  })
}

function responseOf(
  session: ShareSession,
  reads: readonly ShareRead[],
  acknowledged: Acknowledged,
  { shareSessionEpoch }: Body,
  context: RequestContext,
): Answer {
  const hints = new LeaderHints(context.cluster)
  const topics = new Map<string, PartitionResponse[]>()
  const add = (topicId: string, response: PartitionResponse): void => {
    const list = topics.get(topicId)
    if (list === undefined) topics.set(topicId, [response])
    else list.push(response)
  }
  const reported = new Set<string>()
  for (const read of reads) {
    const { key, topicId, partition, found, errorCode, chunks, ranges } = read
    const outcome = acknowledged.get(key)
    const isNews = errorCode !== ErrorCode.NONE || ranges.length > 0 || outcome !== undefined
    // The first response names every partition, later ones only those with a result.
    if (shareSessionEpoch !== INITIAL_EPOCH && !isNews) continue
    reported.add(key)
    const currentLeader = hints.hint({ ...found, errorCode }) ?? NO_LEADER
    add(topicId, {
      ...nothing(partition),
      errorCode,
      acknowledgeErrorCode: outcome?.errorCode ?? ErrorCode.NONE,
      currentLeader,
      records: chunks,
      acquiredRecords: ranges,
    })
  }
  for (const [key, { topicId, partitionIndex, found, errorCode }] of acknowledged) {
    if (reported.has(key)) continue
    const currentLeader = hints.hint({ ...found, errorCode }) ?? NO_LEADER
    add(topicId, {
      ...nothing(partitionIndex),
      acknowledgeErrorCode: errorCode,
      currentLeader,
    })
  }
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: context.node.shares.limitsOf(session.groupId).lockDurationMs,
    responses: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
    nodeEndpoints: hints.endpoints(),
  }
}

function nothing(partitionIndex: number): PartitionResponse {
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    acknowledgeErrorCode: ErrorCode.NONE,
    currentLeader: NO_LEADER,
    records: NO_RECORDS,
    acquiredRecords: [],
  }
}
