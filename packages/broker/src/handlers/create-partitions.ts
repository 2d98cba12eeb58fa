/** Adds partitions to topics; their number never shrinks. */
import { createPartitions, ErrorCode, type RequestOf } from '@odradek/protocol'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

type TopicBody = RequestOf<typeof createPartitions>['topics'][number]

interface Verdict {
  readonly errorCode: number
  readonly errorMessage: string | null
}

const FINE: Verdict = { errorCode: ErrorCode.NONE, errorMessage: null }

export const createPartitionsHandler = handler({
  api: createPartitions,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    results: body.topics.map((topic) => ({
      name: topic.name,
      ...add(topic, body.validateOnly, context),
    })),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    results: body.topics.map(({ name }) => ({ name, errorCode })),
  }),
})

function add(body: TopicBody, validateOnly: boolean, { cluster }: RequestContext): Verdict {
  const { name, count, assignments } = body
  const topic = cluster.topics.byName(name)
  if (topic === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null }
  }
  const { partitions, replicationFactor } = topic
  const current = partitions.length
  if (count <= current) {
    const errorMessage =
      count === current
        ? `Topic already has ${current} partition(s).`
        : `The topic ${name} currently has ${current} partition(s); ` +
          `${count} would not be an increase.`
    return { errorCode: ErrorCode.INVALID_PARTITIONS, errorMessage }
  }
  if (assignments !== null) {
    const wanted = count - current
    if (assignments.length !== wanted) {
      const given = assignments.length
      const errorMessage = `${wanted} new partition(s) need as many assignments, not ${given}.`
      return { errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT, errorMessage }
    }
    const problem = cluster.topics.problemWithAssignments(
      assignments.map(({ brokerIds }) => brokerIds),
    )
    if (problem !== undefined) {
      return { errorCode: problem.errorCode, errorMessage: problem.message }
    }
  }
  if (validateOnly) return FINE
  const placed =
    assignments?.map(({ brokerIds }) => brokerIds) ??
    cluster.topics.place(count - current, replicationFactor, current)
  cluster.topics.addPartitions(topic, placed, (replicas) => cluster.eligibleLeader(replicas))
  return FINE
}
