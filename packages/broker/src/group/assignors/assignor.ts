/** The input of the coordinator's assignors: members, their topics, their previous target. */

import type { PartitionKey } from '../../cluster/topic-partitions.ts'
import type { TopicImage } from '../../cluster/topics-image.ts'

export interface Subscriber {
  readonly memberId: string
  readonly instanceId: string | null
  /** Topics that exist, in a fixed order. */
  readonly topics: readonly TopicImage[]
  /** The target assignment before this one. */
  readonly previous: ReadonlySet<PartitionKey>
}

export type Targets = ReadonlyMap<string, ReadonlySet<PartitionKey>>

export type Assignor = (subscribers: readonly Subscriber[]) => Targets
