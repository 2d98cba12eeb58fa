/**
 * A member of a group as a process of its own, whose handler blocks the event loop:
 *
 *   node blocked-member.js '{"kafka": {...}, "consumer": {...}, "blockMs": 20000}'
 *
 * It tells its parent what happens. Told to close, it closes everything and ends by itself.
 */
import { type ConsumerOptions, Kafka, type KafkaOptions, type ShareConsumerOptions } from 'odradek'

export interface BlockedMemberOptions {
  readonly kafka: KafkaOptions
  /** A member of a group, */
  readonly consumer?: ConsumerOptions<string>
  /** or of a share group. */
  readonly shareConsumer?: ShareConsumerOptions<string>
  readonly blockMs: number
}

export type Told =
  /** `partitions` is empty for share groups. */
  | {
      readonly what: 'assigned'
      readonly count: number
      readonly partitions: readonly number[]
    }
  | { readonly what: 'blocking' }
  | {
      readonly what: 'unblocked'
      readonly heartbeats: number
      readonly blockedMs: number
      readonly isSessionAlive: boolean
    }
  | { readonly what: 'lost' }
  | { readonly what: 'heartbeatThreadUnavailable'; readonly reason: string }
  | { readonly what: 'failed'; readonly reason: string }
  | { readonly what: 'closed' }

const given = process.argv[2]
if (given !== undefined && process.send !== undefined) {
  const options = JSON.parse(given) as BlockedMemberOptions
  const tell = (told: Told): void => void process.send?.(told)
  const kafka = new Kafka(options.kafka)
  const onLost = (): void => tell({ what: 'lost' })
  const consumer =
    options.consumer === undefined
      ? kafka.shareConsumer(options.shareConsumer ?? { groupId: '', topics: [] })
      : kafka.consumer({ ...options.consumer, onLost })
  consumer.on('fenced', onLost)
  consumer.on('rebalanced', ({ assigned }) => {
    const all = 'assigned' in consumer ? consumer.assigned : []
    const partitions = all.map(({ partition }) => partition)
    tell({ what: 'assigned', count: assigned.length, partitions })
  })
  consumer.on('heartbeatThreadUnavailable', ({ reason }) =>
    tell({ what: 'heartbeatThreadUnavailable', reason }),
  )
  consumer.on('eventLoopBlocked', ({ blockedMs, heartbeats, isSessionAlive }) =>
    tell({ what: 'unblocked', blockedMs, heartbeats, isSessionAlive }),
  )
  process.once('message', () => {
    void kafka.close().then(() => {
      tell({ what: 'closed' })
      // From here on nothing of the client may keep this process alive.
      process.disconnect()
    })
  })
  const handle = (record: { readonly value: unknown }): void => {
    if (String(record.value) !== 'block') return
    tell({ what: 'blocking' })
    const end = Date.now() + options.blockMs
    while (Date.now() < end);
  }
  consumer.run(handle).catch((error: unknown) => tell({ what: 'failed', reason: String(error) }))
}
