/**
 * Kafka's `range`: of each topic every member gets one run of consecutive partitions, the first
 * members one more when it does not divide evenly. Members who want the same topics get the same
 * partition numbers of each, which is what joins between topics rely on.
 */
import type { TopicPartition } from '../../../events/topic-partition.ts'
import type { Assignor } from './assignor.ts'
import { compareText, inOrder } from './member-order.ts'

export const range: Assignor = {
  name: 'range',
  protocol: 'eager',

  assign({ members, partitionCounts }) {
    const ordered = inOrder(members)
    const wanted = new Map(ordered.map(({ memberId, topics }) => [memberId, new Set(topics)]))
    const plan = new Map<string, TopicPartition[]>(ordered.map(({ memberId }) => [memberId, []]))
    for (const topic of [...partitionCounts.keys()].sort(compareText)) {
      const readers = ordered.filter(({ memberId }) => wanted.get(memberId)?.has(topic))
      const count = partitionCounts.get(topic) ?? 0
      const size = Math.floor(count / Math.max(1, readers.length))
      const extra = count % Math.max(1, readers.length)
      let partition = 0
      readers.forEach(({ memberId }, index) => {
        const end = partition + size + (index < extra ? 1 : 0)
        for (; partition < end; partition++) plan.get(memberId)?.push({ topic, partition })
      })
    }
    return plan
  },
}
