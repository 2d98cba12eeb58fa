/**
 * Assigns producer ids. Without a transactional id it is always a new one, because such a producer
 * bumps its epoch by itself. With one the transaction's coordinator responds: other producers with
 * the same id are fenced, and their open transaction is aborted first.
 */
import { ErrorCode, initProducerId, type RequestOf, type ResponseInput } from '@odradek/protocol'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

const FENCED_FROM_VERSION = 4

type Body = RequestOf<typeof initProducerId>

export const initProducerIdHandler = handler({
  api: initProducerId,
  handle(body, context) {
    const { transactionalId, producerId, producerEpoch } = body
    if (producerId >= 0n !== producerEpoch >= 0) return failed(ErrorCode.INVALID_REQUEST)
    if (transactionalId !== null) return initialise(body, transactionalId, context)
    const fresh = context.cluster.nextProducerId()
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId: fresh, producerEpoch: 0 }
  },
  errorResponse: (_body, errorCode) => failed(errorCode),
})

function initialise(
  { transactionTimeoutMs: timeoutMs, producerId, producerEpoch }: Body,
  transactionalId: string,
  { node, cluster, version }: RequestContext,
) {
  const located = node.transactions.locate(transactionalId)
  if (located.transaction === undefined) return failed(located.errorCode)
  if (timeoutMs <= 0 || timeoutMs > cluster.options.transactionMaxTimeoutMs) {
    return failed(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
  }
  const expected = producerId < 0n ? null : { producerId, producerEpoch }
  const answer = located.transaction.ask({ type: 'init', timeoutMs, expected })
  const isUnknownWord =
    version < FENCED_FROM_VERSION && answer.errorCode === ErrorCode.PRODUCER_FENCED
  return {
    throttleTimeMs: 0,
    ...answer,
    errorCode: isUnknownWord ? ErrorCode.INVALID_PRODUCER_EPOCH : answer.errorCode,
  }
}

function failed(errorCode: number): ResponseInput<typeof initProducerId> {
  return { throttleTimeMs: 0, errorCode, producerId: -1n, producerEpoch: -1 }
}
