/**
 * Commits or aborts a transaction: responds once that is stored, before the markers are written.
 */
import { ErrorCode, endTxn } from '@odradek/protocol'
import { handler } from './handler.ts'

const FENCED_FROM_VERSION = 2
const BUMPS_FROM_VERSION = 5

export const endTxnHandler = handler({
  api: endTxn,
  handle(body, { node, version }) {
    const located = node.transactions.locate(body.transactionalId)
    if (located.transaction === undefined) return failed(located.errorCode)
    const { producerId, producerEpoch, committed } = body
    const isSecondVersion = version >= BUMPS_FROM_VERSION
    const { errorCode, ...next } = located.transaction.ask({
      type: 'end',
      producerId,
      producerEpoch,
      isCommit: committed,
      isSecondVersion,
    })
    const isUnknownWord = version < FENCED_FROM_VERSION && errorCode === ErrorCode.PRODUCER_FENCED
    return {
      throttleTimeMs: 0,
      errorCode: isUnknownWord ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode,
      ...(isSecondVersion ? next : {}),
    }
  },
  errorResponse: (_body, errorCode) => failed(errorCode),
})

function failed(errorCode: number) {
  return { throttleTimeMs: 0, errorCode }
}
