/**
 * Hands out producer ids. Transactional ids are refused: this broker has no transactions. A
 * producer that gives its id and epoch gets the next epoch, or a new id when epochs have run out.
 */
import { ErrorCode, initProducerId, type ResponseInput } from '@odradek/protocol'
import { handler } from './handler.ts'

const LAST_EPOCH = 0x7fff

export const initProducerIdHandler = handler({
  api: initProducerId,
  handle(body, { cluster }) {
    if (body.transactionalId !== null) return failed(ErrorCode.INVALID_REQUEST)
    const { producerId, producerEpoch } = body
    const isBump = producerId >= 0n && producerEpoch >= 0 && producerEpoch < LAST_EPOCH
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      producerId: isBump ? producerId : cluster.nextProducerId(),
      producerEpoch: isBump ? producerEpoch + 1 : 0,
    }
  },
  errorResponse: (_body, errorCode) => failed(errorCode),
})

function failed(errorCode: number): ResponseInput<typeof initProducerId> {
  return { throttleTimeMs: 0, errorCode, producerId: -1n, producerEpoch: -1 }
}
