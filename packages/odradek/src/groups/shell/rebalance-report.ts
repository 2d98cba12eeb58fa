/** Collects what a member gives up and loses until it can say what came of it. */
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { ConsumerGroupMetadata } from './membership.ts'

export class RebalanceReport {
  readonly #emitter: TypedEmitter<ClientEvents>
  #revoked: readonly TopicPartition[] = []
  #lost: readonly TopicPartition[] = []

  constructor(emitter: TypedEmitter<ClientEvents>) {
    this.#emitter = emitter
  }

  revoke(partitions: readonly TopicPartition[]): void {
    this.#revoked = [...this.#revoked, ...partitions]
  }

  lose(partitions: readonly TopicPartition[]): void {
    this.#lost = [...this.#lost, ...partitions]
  }

  tell(stamp: ConsumerGroupMetadata, assigned: readonly TopicPartition[]): void {
    const { groupId, memberId, generationIdOrMemberEpoch: generationId } = stamp
    const [revoked, lost] = [this.#revoked, this.#lost]
    this.#revoked = []
    this.#lost = []
    this.#emitter.emit('rebalanced', { groupId, memberId, generationId, assigned, revoked, lost })
  }
}
