/**
 * Transactional ids as their coordinator sees them (KIP-664). Offsets of groups show as partitions
 * of `__consumer_offsets`, a topic that the embedded broker does not have: they are numbered as
 * with Kafka's default of fifty partitions.
 */
import { describeTransactions, ErrorCode, type ResponseInput } from '@odradek/protocol'
import type { TransactionView } from '../cluster/cluster-events.ts'
import { hashOf } from '../cluster/coordinators.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

type StateResponse = ResponseInput<typeof describeTransactions>['transactionStates'][number]

const OFFSETS_TOPIC = '__consumer_offsets'
const OFFSETS_PARTITIONS = 50

export const describeTransactionsHandler = handler({
  api: describeTransactions,
  handle: ({ transactionalIds }, context) => ({
    throttleTimeMs: 0,
    transactionStates: transactionalIds.map((id) => describe(id, context)),
  }),
  errorResponse: ({ transactionalIds }, errorCode) => ({
    throttleTimeMs: 0,
    transactionStates: transactionalIds.map((id) => failed(id, errorCode)),
  }),
})

function failed(transactionalId: string, errorCode: number): StateResponse {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0n,
    producerEpoch: 0,
    topics: [],
  }
}

function describe(transactionalId: string, { node, cluster }: RequestContext): StateResponse {
  const located = node.transactions.locate(transactionalId)
  if (located.transaction === undefined) return failed(transactionalId, located.errorCode)
  const view = located.transaction.view()
  if (view === undefined) return failed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
  const { environment } = cluster
  const { startedAt } = view
  return {
    errorCode: ErrorCode.NONE,
    transactionalId,
    transactionState: view.state,
    transactionTimeoutMs: view.timeoutMs,
    // The start is kept on the monotonic clock.
    transactionStartTimeMs:
      startedAt === null ? -1 : Math.round(environment.clock.now() - (cluster.now() - startedAt)),
    producerId: view.producerId,
    producerEpoch: view.producerEpoch,
    topics: topicsOf(view),
  }
}

function topicsOf({ partitions, groupIds }: TransactionView): StateResponse['topics'] {
  const topics = new Map<string, Set<number>>()
  const add = (topic: string, partition: number): void => {
    topics.set(topic, (topics.get(topic) ?? new Set()).add(partition))
  }
  for (const { topic, partition } of partitions) add(topic, partition)
  for (const groupId of groupIds) add(OFFSETS_TOPIC, hashOf(groupId) % OFFSETS_PARTITIONS)
  return [...topics].map(([topic, set]) => ({ topic, partitions: [...set] }))
}
