/** Refuses invalid acknowledgements, partition by partition, before any of them is carried out. */
import { ErrorCode } from '@odradek/protocol'
import { ACKNOWLEDGE, type AcknowledgementBatch } from './share-record.ts'

export function acknowledgementError(
  batches: readonly AcknowledgementBatch[],
  { isRenewAck }: { readonly isRenewAck: boolean },
): number {
  const most = isRenewAck ? ACKNOWLEDGE.renew : ACKNOWLEDGE.reject
  let end = -1
  for (const { firstOffset, lastOffset, acknowledgeTypes: types } of batches) {
    const isFine =
      firstOffset > end &&
      lastOffset >= firstOffset &&
      (types.length === 1 || types.length === lastOffset - firstOffset + 1) &&
      types.every((type) => type >= ACKNOWLEDGE.gap && type <= most)
    if (!isFine) return ErrorCode.INVALID_REQUEST
    end = lastOffset
  }
  return ErrorCode.NONE
}
