/**
 * Reading partitions of one's own choice: nobody else has a say, so there is nothing to join, no
 * session and nothing that could be taken away. With a group id, offsets are read and committed in
 * its name, as a group without members allows it; without one nothing is committed at all.
 */
import { ZERO_UUID } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { asError } from '../errors/as-error.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import type { StallReport } from '../cluster/stall-reporter.ts'
import type {
  AssignedPartition,
  Membership,
  MembershipHandler,
  ConsumerGroupMetadata,
} from './shell/membership.ts'

const NO_GENERATION = -1
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

export interface ManualMembershipOptions {
  readonly groupId: string | undefined
  readonly partitions: readonly TopicPartition[]
}

export class ManualMembership implements Membership {
  readonly stamp: ConsumerGroupMetadata | undefined
  assigned: readonly AssignedPartition[] = []
  readonly #cluster: Cluster
  readonly #partitions: readonly TopicPartition[]
  readonly #handler: MembershipHandler
  readonly #report: StallReport
  readonly #releaseTopics: () => void
  #isClosed = false

  constructor(
    cluster: Cluster,
    { groupId, partitions }: ManualMembershipOptions,
    handler: MembershipHandler,
    report: StallReport,
  ) {
    this.#cluster = cluster
    this.#partitions = partitions
    this.#handler = handler
    this.#report = report
    this.stamp =
      groupId === undefined
        ? undefined
        : {
            groupId,
            memberId: '',
            groupInstanceId: null,
            generationIdOrMemberEpoch: NO_GENERATION,
          }
    this.#releaseTopics = cluster.needTopics([...new Set(partitions.map(({ topic }) => topic))])
  }

  start(): void {
    this.#begin().catch((error: unknown) => this.#report.note('beginning to read', error))
  }

  async #begin(): Promise<void> {
    await this.#awaitMetadata()
    if (this.#isClosed) return
    const { topics } = this.#cluster.metadata
    this.assigned = this.#partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      topicId: topics.get(topic)?.topicId ?? ZERO_UUID,
    }))
    await this.#handler.onAssigned(this.assigned)
    this.#handler.onStable()
  }

  /** The cluster must be known before anything can be asked of it; it is waited for. */
  async #awaitMetadata(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    while (!this.#isClosed) {
      try {
        await this.#cluster.refreshMetadata('partitions are to be read')
        return
      } catch (error) {
        this.#report.note('finding the cluster', asError(error), pauseMs)
        await this.#cluster.sleep(pauseMs)
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    }
  }

  setTopics(): void {
    throw new Error('Partitions of one’s own choice are not subscribed to.')
  }

  rejoin(): void {
    // There is nothing to join.
  }

  handleStampRefused(): void {
    // A live group has taken the id over; each commit that is refused says so.
  }

  isSessionAlive(): boolean {
    return !this.#isClosed
  }

  async leave(): Promise<void> {
    this.#isClosed = true
    this.#releaseTopics()
  }
}
