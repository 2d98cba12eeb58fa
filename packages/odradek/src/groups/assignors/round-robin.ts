/**
 * Kafka's `roundrobin`: all partitions in order, to one member after the other; who does not want a
 * topic is passed over. As even as can be where everybody wants the same, otherwise not, and with
 * no memory of who had what: each rebalance may move everything.
 */
import type { TopicPartition } from '../../events/topic-partition.ts'
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
    const takers = new Map<string, number[]>()
    ordered.forEach((one, index) => {
      for (const topic of one.wanted) {
        const known = takers.get(topic)
        if (known === undefined) takers.set(topic, [index])
        else known.push(index)
      }
    })
    let turn = 0
    for (const topic of topics.sort(compareText)) {
      const indexes = takers.get(topic) ?? []
      const count = partitionCounts.get(topic) ?? 0
      // The first taker whose turn has not passed; else the first of the next round.
      let at = Math.max(
        0,
        indexes.findIndex((index) => index >= turn),
      )
      for (let partition = 0; partition < count; partition++) {
        const index = indexes[at] ?? 0
        ordered[index]?.share.push({ topic, partition })
        turn = (index + 1) % ordered.length
        at = (at + 1) % indexes.length
      }
    }
    return new Map(ordered.map(({ memberId, share }) => [memberId, share]))
  },
}
