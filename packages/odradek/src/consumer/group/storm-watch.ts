/**
 * Tells the storm detector what joins and syncs bring, and the user what it finds. The members that
 * the coordinator describes are compared with those of the storm before, at most once a minute.
 */
import { describeGroups } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { Storm, StormSuspect } from '../../events/storm.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { GroupAssignment } from './assignors/assignor.ts'
import { byTopic } from './assignors/by-topic.ts'
import { compareText } from './assignors/member-order.ts'
import { type JoinAnswer, membersOf } from './classic-requests.ts'
import { StormDetector } from './storm-detector.ts'
import type { SeenMember } from './storm-suspects.ts'

export interface StormWatchOptions {
  readonly groupId: string
  readonly emitter: TypedEmitter<ClientEvents>
}

/** Reasons to join, in the machine's words, that are others' doing; the rest is one's own. */
const DOING_OF_OTHERS =
  /^the group rebalances|^this member (starts|gave up)|gave a member id|REBALANCE_IN_PROGRESS/
const LOOK_AGAIN_MS = 60_000

interface Described {
  readonly memberId: string
  /** The client id and the host. */
  readonly where: string
}

export class StormWatch {
  readonly #cluster: Cluster
  readonly #options: StormWatchOptions
  readonly #detector = new StormDetector()
  #described: readonly Described[] | undefined
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(cluster: Cluster, options: StormWatchOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  joined(answer: JoinAnswer, reason: string): void {
    const { generationId, memberId } = answer
    const isLeader = answer.leader === memberId
    const storm = this.#detector.joined({
      at: this.#cluster.environment.clock.monotonic(),
      generationId,
      reason,
      isOwnDoing: !DOING_OF_OTHERS.test(reason),
      members: isLeader ? seenMembers(answer) : undefined,
    })
    if (storm !== undefined) {
      void this.#tell({ ...storm, groupId: this.#options.groupId, memberId })
    } else if (!isLeader && this.#detector.isStirring && this.#described === undefined) {
      // Something to compare with, should it become one.
      void this.#compareMembers()
    }
  }

  synced(partitions: readonly TopicPartition[], plan: GroupAssignment): void {
    const shares = plan.size > 0 ? [...plan] : [['', partitions] as const]
    const texts = shares.map(([memberId, share]) => {
      const topics = byTopic(share).map((one) => `${one.topic} ${one.partitions.join()}`)
      return `${memberId}: ${topics.sort(compareText).join(' ')}`
    })
    this.#detector.synced(texts.sort(compareText).join('\n'))
  }

  async #tell(storm: Storm): Promise<void> {
    const news = await this.#compareMembers()
    const { suspects } = storm
    const isUnknown = suspects.every(({ kind }) => kind === 'unknown')
    const all = news === undefined ? suspects : isUnknown ? [news] : [...suspects, news]
    this.#options.emitter.emit('storm', { ...storm, suspects: all })
  }

  /** For those who do not lead, the one way to see who comes and goes. */
  async #compareMembers(): Promise<StormSuspect | undefined> {
    const now = this.#cluster.environment.clock.monotonic()
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return undefined
    const sinceS = Math.round((now - this.#lookedAt) / 1000)
    this.#lookedAt = now
    const before = this.#described
    const described = await this.#describe()
    this.#described = described ?? before
    return before === undefined || described === undefined
      ? undefined
      : replacedMembers(before, described, sinceS)
  }

  async #describe(): Promise<readonly Described[] | undefined> {
    const { groupId } = this.#options
    try {
      const body = { groups: [groupId] }
      const { groups } = await this.#cluster.requestCoordinator(
        'group',
        groupId,
        describeGroups,
        body,
      )
      const members = groups.find((one) => one.groupId === groupId)?.members
      return members?.map(({ memberId, clientId, clientHost }) => {
        return { memberId, where: `client id "${clientId}" at ${clientHost}` }
      })
    } catch {
      // It may not be allowed, or the coordinator is away: the storm is told without it.
      return undefined
    }
  }
}

function seenMembers(answer: JoinAnswer): readonly SeenMember[] {
  return membersOf(answer).map(({ memberId, groupInstanceId, topics, generationId }) => ({
    memberId,
    groupInstanceId,
    topics: [...topics].sort(compareText),
    generationId,
  }))
}

function replacedMembers(
  before: readonly Described[],
  now: readonly Described[],
  sinceS: number,
): StormSuspect | undefined {
  const known = new Set(before.map(({ memberId }) => memberId))
  const come = now.filter(({ memberId }) => !known.has(memberId))
  if (come.length === 0) return undefined
  const places = [...new Set(come.map(({ where }) => where))].slice(0, 3).join(', ')
  return {
    kind: 'comesAndGoes',
    memberIds: come.map(({ memberId }) => memberId).slice(-5),
    evidence:
      `${come.length} of ${now.length} members came within the last ${sinceS} s (${places}). ` +
      'Look for restarts, crashes and expired sessions there.',
    confidence: come.length * 2 >= now.length ? 'medium' : 'low',
  }
}
