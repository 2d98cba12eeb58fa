/**
 * One attempt each at what a classic member asks of its coordinator. A JoinGroup may take as long
 * as the group's own wait (and five seconds, Java's rule), a SyncGroup as long as the leader may
 * wait for metadata; both go over the connection for parked requests. What a coordinator answers at
 * once may take as long as a heartbeat: a third of the session. So may finding it, because one that
 * is not found in that time could not keep the member either. LeaveGroup takes the connection for
 * heartbeats: behind a parked JoinGroup it would wait itself.
 */
import {
  BrokerError,
  ErrorCode,
  joinGroup,
  leaveGroup,
  ProtocolError,
  syncGroup,
} from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { Assignor, GroupAssignment } from '../assignors/assignor.ts'
import {
  type JoinAnswer,
  type JoinSettings,
  joinBody,
  leaveBody,
  PROTOCOL_TYPE,
  readAssignment,
  syncBody,
} from './classic-requests.ts'
import { heartbeatTimeoutMs } from './heartbeat-request.ts'
import { type Claim, type Member, NO_CLAIM } from './membership-classic.states.ts'
import { StormWatch, type StormWatchOptions } from './storm-watch.ts'

const JOIN_GRACE_MS = 5000
const FIRST_VERSION_WITH_IDS = 4
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface Joined {
  readonly answer: JoinAnswer
  /** The one of ours that the group agreed on. */
  readonly assignor: Assignor
  /** It leads, as its predecessor did, and the group goes on with the plan that it has. */
  readonly inheritsPlan: boolean
}

/** The coordinator wants this member to come back with the id that it gave (KIP-394). */
export class MemberIdRequiredError extends BrokerError {
  readonly memberId: string

  constructor(memberId: string, action: string) {
    super(ErrorCode.MEMBER_ID_REQUIRED, { action })
    this.memberId = memberId
  }
}

export class ClassicCoordinator {
  readonly #cluster: Cluster
  readonly #settings: JoinSettings & StormWatchOptions
  readonly #stormWatch: StormWatch
  /** What the last sync gave this member. */
  #given: Claim = NO_CLAIM
  /** The last generation in which its own assignment could not be read. */
  #unreadableIn = -1

  constructor(cluster: Cluster, settings: JoinSettings & StormWatchOptions) {
    this.#cluster = cluster
    this.#settings = settings
    this.#stormWatch = new StormWatch(cluster.environment.clock, settings)
  }

  async join(member: Member, reason: string): Promise<Joined> {
    const { groupId, sessionTimeoutMs, assignors } = this.#settings
    const timeoutMs = heartbeatTimeoutMs(this.#cluster, sessionTimeoutMs)
    const body = joinBody(this.#settings, member, this.#given, reason)
    const answer = await this.#cluster.requestCoordinator('group', groupId, joinGroup, body, {
      purpose: this.#settings.joinPurpose ?? 'membership',
      timeoutMs,
      brokerWaitMs: (version) =>
        isParked(member, this.#settings, version) ? this.#parkedMs - timeoutMs : 0,
    })
    const { errorCode, protocolName, protocolType, memberId } = answer
    const action = `join group "${groupId}"`
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      throw new MemberIdRequiredError(memberId, action)
    }
    throwIfError(errorCode, action)
    refuseStrangeLeadership(answer, groupId)
    const assignor = assignors.find(({ name }) => name === protocolName)
    if (assignor === undefined || !isConsumerProtocol(protocolType)) {
      throw new BrokerError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, {
        action: `${action}, which chose "${protocolType}" and "${protocolName}"`,
      })
    }
    this.#stormWatch.joined(answer, reason)
    const inheritsPlan = answer.skipAssignment || this.#succeedsLeader(member, answer)
    return { answer, assignor, inheritsPlan }
  }

  get #parkedMs(): number {
    const { requestTimeoutMs } = this.#cluster.options
    return Math.max(requestTimeoutMs, this.#settings.rebalanceTimeoutMs + JOIN_GRACE_MS)
  }

  /**
   * A broker before JoinGroup 9 gives a static leader that restarts the leader's old id, so that it
   * makes no plan (KIP-814 tells why that was not enough). Then nobody would know of leading.
   */
  #succeedsLeader(member: Member, { leader, memberId }: JoinAnswer): boolean {
    const { groupInstanceId } = this.#settings
    if (groupInstanceId === null || member.memberId !== '' || leader === memberId) return false
    const isOfInstance = leader.startsWith(`${groupInstanceId}-`)
    return isOfInstance && UUID.test(leader.slice(groupInstanceId.length + 1))
  }

  /** One's own share of the plan. */
  async sync(member: Member, plan: GroupAssignment): Promise<readonly TopicPartition[]> {
    const { groupId, groupInstanceId, sessionTimeoutMs } = this.#settings
    const body = syncBody({ groupId, groupInstanceId }, member, plan)
    const answer = await this.#cluster.requestCoordinator('group', groupId, syncGroup, body, {
      purpose: this.#settings.joinPurpose ?? 'membership',
      brokerWaitMs: sessionTimeoutMs / 3,
    })
    const { errorCode, protocolName, protocolType, assignment } = answer
    const action = `synchronise with group "${groupId}"`
    throwIfError(errorCode, action)
    const isOurs = protocolName === null || protocolName === member.generation.protocolName
    if (!isOurs || !isConsumerProtocol(protocolType)) {
      throw new BrokerError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, {
        action: `${action}, which goes by "${protocolType}" and "${protocolName}"`,
      })
    }
    const partitions = this.#readShare(assignment, member)
    this.#given = { partitions, generationId: member.generation.generationId }
    this.#stormWatch.synced(partitions, plan)
    return partitions
  }

  #readShare(
    assignment: Buffer,
    { memberId, generation: { generationId } }: Member,
  ): readonly TopicPartition[] {
    const { groupId, emitter } = this.#settings
    try {
      return readAssignment(assignment)
    } catch (error) {
      // The sync is repeated; the report is not.
      if (error instanceof ProtocolError && generationId !== this.#unreadableIn) {
        this.#unreadableIn = generationId
        const advice = 'It is this member: it reads nothing until the leader makes another plan.'
        emitter.emit('unreadableAssignment', { groupId, memberId, error, advice })
      }
      throw error
    }
  }

  async leave(memberId: string, reason: string, timeoutMs: number): Promise<void> {
    const { groupId, groupInstanceId } = this.#settings
    const body = leaveBody({ groupId, groupInstanceId }, memberId, reason)
    await this.#cluster.requestCoordinator('group', groupId, leaveGroup, body, {
      purpose: 'heartbeat',
      timeoutMs,
    })
  }
}

/**
 * Whether the coordinator may keep a join until its group has gathered. The first one of a dynamic
 * member it answers at once, with an id to come back with (KIP-394). A static member's is answered
 * at once only where it replaces another in a group at rest.
 */
function isParked(
  { memberId }: Member,
  { groupInstanceId }: JoinSettings,
  version: number,
): boolean {
  return memberId !== '' || groupInstanceId !== null || version < FIRST_VERSION_WITH_IDS
}

/** Brokers before JoinGroup 7 and SyncGroup 5 do not say. */
function isConsumerProtocol(protocolType: string | null): boolean {
  return protocolType === null || protocolType === PROTOCOL_TYPE
}

/** A leader that does not find itself among the members would give itself nothing. */
function refuseStrangeLeadership(answer: JoinAnswer, groupId: string): void {
  const { leader, memberId, members, skipAssignment } = answer
  if (leader !== memberId || skipAssignment) return
  if (members.some((one) => one.memberId === memberId)) return
  const text = `The coordinator of group "${groupId}" made a member the leader and left it out`
  throw new ProtocolError(text, { retriable: true })
}
