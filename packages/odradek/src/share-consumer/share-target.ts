/** A partition that this member reads together with others: what is needed to fetch from it. */
import { Pace } from '../cluster/pace.ts'
import type { AnyTopic } from '../serdes/topic.ts'
import type { AssignedPartition } from '../groups/shell/membership.ts'
import { Lineage, NOWHERE } from '../consumer/partition/position-epoch.ts'

export class ShareTarget implements AssignedPartition {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  /** What its records know of where they come from. */
  readonly lineage: Lineage
  readonly pace = new Pace()

  constructor({ topic, partition, topicId }: AssignedPartition, serdes: AnyTopic | undefined) {
    this.topic = topic
    this.partition = partition
    this.topicId = topicId
    this.lineage = new Lineage(topic, partition, serdes, NOWHERE)
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }
}
