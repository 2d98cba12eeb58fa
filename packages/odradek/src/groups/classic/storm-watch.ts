/** Feeds the storm detector with joins and syncs, and emits `rebalanceStorm` for what it finds. */
import type { Clock } from '@odradek/environment'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { GroupAssignment } from '../assignors/assignor.ts'
import { byTopic } from '../assignors/by-topic.ts'
import { compareText } from '../assignors/member-order.ts'
import { type JoinAnswer, membersOf } from './classic-requests.ts'
import { type SeenMember, StormDetector } from './storm-detector.ts'

export interface StormWatchOptions {
  readonly groupId: string
  readonly emitter: TypedEmitter<ClientEvents>
}

/** Reasons to join, in the machine's words, that are a response to others. */
const DOING_OF_OTHERS =
  /^the group rebalances|^this member (starts|gave up)|gave a member id|REBALANCE_IN_PROGRESS/

export class StormWatch {
  readonly #clock: Clock
  readonly #options: StormWatchOptions
  readonly #detector = new StormDetector()

  constructor(clock: Clock, options: StormWatchOptions) {
    this.#clock = clock
    this.#options = options
  }

  joined(answer: JoinAnswer, reason: string): void {
    const { groupId, emitter } = this.#options
    const { generationId, memberId } = answer
    const storm = this.#detector.joined({
      at: this.#clock.monotonic(),
      generationId,
      reason,
      isOwnDoing: !DOING_OF_OTHERS.test(reason),
      members: answer.leader === memberId ? seenMembers(answer) : undefined,
    })
    if (storm !== undefined) emitter.emit('rebalanceStorm', { ...storm, groupId, memberId })
  }

  synced(partitions: readonly TopicPartition[], plan: GroupAssignment): void {
    const shares = plan.size > 0 ? [...plan] : [['', partitions] as const]
    const texts = shares.map(([memberId, share]) => {
      const topics = byTopic(share).map((one) => `${one.topic} ${one.partitions.join()}`)
      return `${memberId}: ${topics.sort(compareText).join(' ')}`
    })
    this.#detector.synced(texts.sort(compareText).join('\n'))
  }
}

function seenMembers(answer: JoinAnswer): readonly SeenMember[] {
  return membersOf(answer).map(({ memberId, groupInstanceId, topics }) => ({
    memberId,
    groupInstanceId,
    topics: [...topics].sort(compareText),
  }))
}
