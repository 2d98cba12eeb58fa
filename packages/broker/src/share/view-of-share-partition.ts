/** A share partition as outsiders see it, alive or as it was stored. */
import type { SharePartitionView } from '../cluster/share-partition-view.ts'
import type { ShareSnapshot } from './share-record.ts'

export function viewOfSharePartition({ startOffset, records }: ShareSnapshot): SharePartitionView {
  const sorted = [...records].sort(([one], [other]) => one - other)
  return {
    startOffset,
    records: sorted.map(([offset, { state, deliveryCount, memberId }]) => ({
      offset,
      state,
      deliveryCount,
      memberId,
    })),
  }
}
