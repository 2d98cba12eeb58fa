/** Announces that a transaction commits offsets of a group. */
import { addOffsetsToTxn, ErrorCode } from '@odradek/protocol'
import { participantsOf } from '../transaction/transaction.ts'
import { handler } from './handler.ts'

const FENCED_FROM_VERSION = 2

export const addOffsetsToTxnHandler = handler({
  api: addOffsetsToTxn,
  handle({ transactionalId, producerId, producerEpoch, groupId }, { node, version }) {
    const located = node.transactions.locate(transactionalId)
    const errorCode =
      located.transaction?.ask({
        type: 'add',
        producerId,
        producerEpoch,
        participants: participantsOf([{ kind: 'group', groupId }]),
        isSecondVersion: false,
      }).errorCode ?? located.errorCode
    const isUnknownWord = version < FENCED_FROM_VERSION && errorCode === ErrorCode.PRODUCER_FENCED
    return {
      throttleTimeMs: 0,
      errorCode: isUnknownWord ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode,
    }
  },
  errorResponse: (_body, errorCode) => ({ throttleTimeMs: 0, errorCode }),
})
