/**
 * Kafka's `roundrobin`: all partitions in order, to one member after the other; who does not want a
 * topic is passed over. As even as can be where everybody wants the same, otherwise not, and with
 * no memory of who had what: each rebalance may move everything.
 */
import type { TopicPartition } from '../../../events/topic-partition.ts'
import type { Assignor } from './assignor.ts'
import { compareText, inOrder } from './member-order.ts'

export const roundRobin: Assignor = {
  name: 'roundrobin',
  protocol: 'eager',

  assign({ members, partitionCounts }) {
    const ordered = inOrder(members).map(({ memberId, topics }) => ({
      memberId,
      wanted: new Set(topics),
      share: [] as TopicPartition[],
    }))
    const wanted = new Set(ordered.flatMap((one) => [...one.wanted]))
    const topics = [...partitionCounts.keys()].filter((topic) => wanted.has(topic))
    let turn = 0
    for (const topic of topics.sort(compareText)) {
      const count = partitionCounts.get(topic) ?? 0
      for (let partition = 0; partition < count; partition++) {
        while (ordered[turn]?.wanted.has(topic) !== true) turn = (turn + 1) % ordered.length
        ordered[turn]?.share.push({ topic, partition })
        turn = (turn + 1) % ordered.length
      }
    }
    return new Map(ordered.map(({ memberId, share }) => [memberId, share]))
  },
}
