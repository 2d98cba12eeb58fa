/** The transactional ids that this broker coordinates (KIP-664, KIP-994, KIP-1152). */
import { ErrorCode, listTransactions } from '@odradek/protocol'
import { compileTopicPattern } from '../group/topic-pattern.ts'
import { PHASE_NAMES } from '../transaction/transaction.ts'
import { handler } from './handler.ts'

/** Kafka also has these states, which are never visible here. */
const STATES: ReadonlySet<string> = new Set([...PHASE_NAMES, 'Dead', 'PrepareEpochFence'])

export const listTransactionsHandler = handler({
  api: listTransactions,
  handle(body, { node, cluster }) {
    const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = body
    if (node.transactions.isLoading) return failed(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
    const isAny = transactionalIdPattern === null || transactionalIdPattern === ''
    const pattern = isAny ? undefined : compileTopicPattern(transactionalIdPattern)
    if (!isAny && pattern === undefined) return failed(ErrorCode.INVALID_REGULAR_EXPRESSION)
    const views = [...node.transactions.transactions.values()].flatMap((one) => one.view() ?? [])
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      unknownStateFilters: stateFilters.filter((name) => !STATES.has(name)),
      transactionStates: views
        .filter(({ state }) => stateFilters.length === 0 || stateFilters.includes(state))
        .filter(
          ({ producerId }) =>
            producerIdFilters.length === 0 || producerIdFilters.includes(producerId),
        )
        .filter(
          ({ startedAt }) =>
            durationFilter < 0 ||
            (startedAt !== null && cluster.now() - startedAt > durationFilter),
        )
        .filter(({ transactionalId }) => pattern?.test(transactionalId) ?? true)
        .map(({ transactionalId, producerId, state: transactionState }) => ({
          transactionalId,
          producerId,
          transactionState,
        })),
    }
  },
  errorResponse: (_body, errorCode) => failed(errorCode),
})

function failed(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] }
}
