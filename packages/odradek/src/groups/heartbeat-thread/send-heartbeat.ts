/**
 * A member's lines: what the understudy says in its place, word for word as the main thread would.
 * Whatever the protocol, they are the whole of what the member last stood for, so a heartbeat of
 * the understudy never leaves anything out: a coordinator of KIP-848 whose epoch has moved fences
 * whoever does. And they never say more than the main thread has done: an assignment that the
 * understudy is told of is not taken up, and nothing is given up, until the main thread is back.
 */
import {
  BrokerError,
  consumerGroupHeartbeat,
  type KafkaError,
  shareGroupHeartbeat,
} from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import { MEMBER_REACTIONS } from '../classic/classic-reactions.ts'
import { HEARTBEAT_REACTIONS } from '../consumer/consumer-reactions.ts'
import {
  heartbeatBody,
  type HeartbeatIdentity,
} from '../consumer/consumer-requests.ts'
import type { Heartbeat } from '../consumer/membership-consumer.states.ts'
import { type Life, sendHeartbeat } from '../classic/heartbeat-request.ts'
import { reactionFor } from '../shell/member-reactions.ts'
import { MEMBERSHIP_REACTIONS } from '../share/share-reactions.ts'
import type { ShareIdentity } from '../../share-consumer/share-requests.ts'

interface Timings {
  /** Whoever owns them: the client of a classic group, the broker of any other. */
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

export interface ClassicLines extends Timings {
  readonly protocol: 'classic'
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly life: Life
}

export interface ConsumerLines extends Timings {
  readonly protocol: 'consumer'
  readonly identity: HeartbeatIdentity
  /** In full. */
  readonly heartbeat: Heartbeat
}

/** Nothing is claimed or given up in them: partitions of share groups are nobody's alone. */
export interface ShareLines extends Timings {
  readonly protocol: 'share'
  readonly identity: ShareIdentity
  readonly memberEpoch: number
  readonly subscribedTopicNames: readonly string[]
  readonly rackId: string | null
}

/** Plain data, so that a thread can take them. */
export type Lines = ClassicLines | ConsumerLines | ShareLines

export interface Heard {
  /** If the protocol has one. */
  readonly memberEpoch: number | undefined
  /** The coordinator waits for nothing that this member would have to do. */
  readonly isCalm: boolean
}

/**
 * Says them once. Resolves with what the coordinator answers. `memberEpoch` is the one that it
 * answered last, if it has since the lines were learned.
 */
export async function speak(
  cluster: Cluster,
  lines: Lines,
  memberEpoch: number | undefined,
  timeoutMs: number,
): Promise<Heard> {
  if (lines.protocol === 'classic') {
    await sendHeartbeat(cluster, lines, lines.life, timeoutMs)
    return { memberEpoch: undefined, isCalm: true }
  }
  if (lines.protocol === 'share') return speakAsSharer(cluster, lines, memberEpoch, timeoutMs)
  const { identity, heartbeat } = lines
  const { groupId } = identity
  const answer = await cluster.requestCoordinator(
    'group',
    groupId,
    consumerGroupHeartbeat,
    heartbeatBody(identity, { ...heartbeat, memberEpoch: memberEpoch ?? heartbeat.memberEpoch }),
    { purpose: 'heartbeat', timeoutMs },
  )
  throwIfError(answer.errorCode, `stay in group "${groupId}"`, answer.errorMessage)
  const target = new Set(
    answer.assignment?.topicPartitions.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => `${topicId} ${partition}`),
    ),
  )
  const owned = heartbeat.owned ?? []
  return {
    memberEpoch: answer.memberEpoch > 0 ? answer.memberEpoch : undefined,
    isCalm: owned.every(({ topicId, partition }) => target.has(`${topicId} ${partition}`)),
  }
}

async function speakAsSharer(
  cluster: Cluster,
  lines: ShareLines,
  told: number | undefined,
  timeoutMs: number,
): Promise<Heard> {
  const { identity, subscribedTopicNames, rackId } = lines
  const { groupId } = identity
  const body = { ...identity, memberEpoch: told ?? lines.memberEpoch, subscribedTopicNames, rackId }
  const answer = await cluster.requestCoordinator('group', groupId, shareGroupHeartbeat, body, {
    purpose: 'heartbeat',
    timeoutMs,
  })
  throwIfError(answer.errorCode, `stay in share group "${groupId}"`, answer.errorMessage)
  const memberEpoch = answer.memberEpoch > 0 ? answer.memberEpoch : undefined
  return { memberEpoch, isCalm: true }
}

export type Hearing =
  /** It counts the member in, though it has something else to say. */
  | 'alive'
  /** It does not, whatever is tried. */
  | 'refused'
  /** Somebody else may be the coordinator. */
  | 'coordinator'
  | 'again'

/** What an error in answer to them means. */
export function hearingOf({ protocol }: Lines, error: KafkaError): Hearing {
  if (protocol === 'classic' && error.code === 'REBALANCE_IN_PROGRESS') return 'alive'
  const reaction = reactionOf(protocol, error)
  if (error instanceof BrokerError && REFUSALS.has(reaction)) return 'refused'
  return reaction === 'coordinator' ? 'coordinator' : 'again'
}

function reactionOf(protocol: Lines['protocol'], error: KafkaError): string {
  switch (protocol) {
    case 'classic':
      return reactionFor(MEMBER_REACTIONS, error)
    case 'consumer':
      return reactionFor(HEARTBEAT_REACTIONS, error)
    case 'share':
      return reactionFor(MEMBERSHIP_REACTIONS, error)
  }
}

const REFUSALS = new Set<string>(['resetGeneration', 'resetMember', 'rejoin', 'fatal'])
