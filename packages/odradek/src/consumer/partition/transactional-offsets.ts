/**
 * The consumer's side of a transaction (KIP-447): whose offsets they are, which of them may be
 * committed, and what becomes of positions afterwards. The commit pipeline commits nothing but pins
 * for a transactional consumer, and before a transaction may commit the partition: two ways of
 * committing that overtake each other would take the group back.
 */
import type { KafkaError } from '@odradek/protocol'
import type {
  ConsumedGroup,
  ConsumedPartition,
  ConsumerGroupMetadata,
} from '../../cluster/consumption.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { Membership } from '../../groups/shell/membership.ts'
import type { Lineage } from './position-epoch.ts'
import type { PartitionReader } from './partition-state.ts'

export interface TransactionLinkOwner {
  readonly readers: ReadonlySet<PartitionReader>
  readonly emitter: TypedEmitter<ClientEvents>
  readonly isTransactional: boolean
  membership(): Membership
}

export class TransactionLink implements ConsumedGroup {
  readonly #owner: TransactionLinkOwner

  constructor(owner: TransactionLinkOwner) {
    this.#owner = owner
  }

  get isTransactional(): boolean {
    return this.#owner.isTransactional
  }

  get stamp(): ConsumerGroupMetadata | undefined {
    const membership = this.#owner.membership()
    return membership.isSessionAlive() ? membership.stamp : undefined
  }

  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void {
    this.#owner.membership().handleStampRefused(error, stamp)
  }

  /** What a lineage offers to transactions. */
  offer(lineage: Lineage): ConsumedPartition {
    return new ConsumedLineage(this, lineage)
  }

  /** Who reads in this lineage now; undefined when it has ended. */
  readerOf(lineage: Lineage): PartitionReader | undefined {
    if (!lineage.isLive) return undefined
    for (const reader of this.#owner.readers) if (reader.lineage === lineage) return reader
    return undefined
  }

  noteCommitted(reader: PartitionReader, offset: number): void {
    reader.commit.noteCommitted(offset)
    const { groupId } = this.#owner.membership().stamp ?? {}
    if (groupId === undefined) return
    const { topic, partition } = reader
    this.#owner.emitter.emit('committed', { groupId, offsets: [{ topic, partition, offset }] })
  }

  rewind(reader: PartitionReader): void {
    const { commit, lineage } = reader
    // As long as nothing is committed: where the lineage began.
    const offset = commit.offset ?? lineage.start
    if (!reader.isReading) {
      this.#giveUp(reader)
      return
    }
    reader.startAt(offset, lineage.epochBefore(offset))
  }

  readAgain(reader: PartitionReader): void {
    if (reader.isReading) reader.refetchCommitted()
    else this.#giveUp(reader)
  }

  /** A partition that is being revoked is not read again here: what is in flight of it is stale. */
  #giveUp(reader: PartitionReader): void {
    if (reader.state.name === 'revoking') reader.lineage.end('revoked')
  }
}

class ConsumedLineage implements ConsumedPartition {
  readonly group: TransactionLink
  readonly #lineage: Lineage

  constructor(group: TransactionLink, lineage: Lineage) {
    this.group = group
    this.#lineage = lineage
  }

  get topic(): string {
    return this.#lineage.topic
  }

  get partition(): number {
    return this.#lineage.partition
  }

  get #reader(): PartitionReader | undefined {
    return this.group.readerOf(this.#lineage)
  }

  get isLive(): boolean {
    return this.#lineage.isLive
  }

  get isSettled(): boolean {
    const reader = this.#reader
    if (reader === undefined) return true
    return !reader.commit.isUnsure
  }

  committableWith(offsets: ReadonlySet<number>): number {
    return this.#lineage.tracker.committableWith(offsets)
  }

  commitDetails(offset: number): { readonly leaderEpoch: number; readonly metadata: string } {
    const leaderEpoch = this.#lineage.epochBefore(offset)
    return { leaderEpoch, metadata: this.#reader?.commitMetadata ?? '' }
  }

  noteCommitted(offset: number): void {
    const reader = this.#reader
    if (reader === undefined) return
    this.#lineage.tracker.finishUpTo(offset - 1)
    this.group.noteCommitted(reader, offset)
  }

  rewind(): void {
    const reader = this.#reader
    if (reader !== undefined) this.group.rewind(reader)
  }

  readAgain(): void {
    const reader = this.#reader
    if (reader !== undefined) this.group.readAgain(reader)
  }
}
