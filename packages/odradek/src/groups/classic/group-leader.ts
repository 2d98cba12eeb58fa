/**
 * What only the leader of a classic group does: it makes the plan between its join and its sync,
 * and afterwards watches the topics of *all* members, because nobody else sees a topic grow that
 * only others read. A plan waits a little for topics that are not known, and leaves what it cannot
 * resolve with whoever holds it.
 *
 * The leader is also the one who sees to it that every partition finds a reader. A plan may leave
 * some to the next generation, and whoever should begin that may be gone by then, and replaced
 * without a rebalance: a static member that restarts, the leader itself among them.
 */
import { KafkaError } from '@odradek/protocol'
import { UsageError } from '../../errors/errors.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { Cluster, ClusterMetadata } from '../../cluster/index.ts'
import type {
  Assignor,
  GroupAssignment,
  GroupMember,
  PartitionRacks,
} from '../assignors/assignor.ts'
import { settleClaims } from '../assignors/claims.ts'
import { ReplicaRacks, topicsThatMoved } from './partition-racks.ts'
import {
  countUnassigned,
  findLeftOver,
  findPlanInForce,
  type LeftOver,
  NOTHING_LEFT_OVER,
  type PlanInForce,
  type UnreadableBytes,
} from './plan-in-force.ts'
import { type Growth, TopicCounts } from './topic-counts.ts'

const MISSING_TOPICS_REFRESH_MS = 5000
const REFRESH_PATIENCE_MS = 1000
const LOOK_UP_INTERVAL_MS = 5000

export interface GroupLeaderOptions {
  readonly groupId: string
  /** How long a plan may wait for metadata. */
  readonly patienceMs: number
  /** How long members may take to give up what the plan took from them. */
  readonly rebalanceTimeoutMs: number
  /** Another plan is needed. */
  readonly onPlanNeeded: (reason: string) => void
  /** Of the plan that this member goes on with, something cannot be read. */
  readonly onUnreadable: (bytes: UnreadableBytes) => void
}

interface Places {
  readonly memberRacks: ReadonlySet<string>
  readonly partitionRacks: PartitionRacks
}

const NOWHERE: Places = { memberRacks: new Set(), partitionRacks: new Map() }

export class GroupLeader {
  readonly #cluster: Cluster
  readonly #options: GroupLeaderOptions
  readonly #counts = new TopicCounts()
  #reign: AbortController | undefined
  #release: (() => void) | undefined
  /** Whose plan is in force: our own, a predecessor's as it was found, or none that we know. */
  #baseline: 'none' | 'own' | PlanInForce = 'none'
  /** What has grown since a plan was made that is not in force yet. */
  #news: Growth[] = []
  /** What the plan left to the next generation: somebody has to give it up first. */
  #leftOver: LeftOver = NOTHING_LEFT_OVER
  readonly #replicaRacks = new ReplicaRacks()
  /** Where members and partitions were when the plan was made. */
  #planned: Places = NOWHERE

  constructor(cluster: Cluster, options: GroupLeaderOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Makes the plan of one generation and watches its topics from now on. */
  async plan(members: readonly GroupMember[], assignor: Assignor): Promise<GroupAssignment> {
    const signal = this.#watch(new Set(members.flatMap((member) => member.topics)))
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + this.#options.patienceMs
    while (this.#counts.isWorthWaiting && !signal.aborted) {
      const remaining = deadline - clock.monotonic()
      if (remaining <= 0) break
      await this.#refresh(remaining, signal)
    }
    refuseTooMany(members.length, assignor)
    // Timers and sockets get a turn before and after the time that a large group takes.
    if (members.length > MEMBERS_WITHOUT_TURN) await this.#cluster.environment.timers.turn()
    const partitionCounts = this.#counts.counts
    this.#news = []
    const partitionRacks = this.#remember(new Set(members.flatMap(({ rackId }) => rackId ?? [])))
    const plan = assignor.assign({ members, partitionCounts, partitionRacks })
    if (members.length > MEMBERS_WITHOUT_TURN) await this.#cluster.environment.timers.turn()
    checkPlan(plan, members, assignor)
    this.#leftOver = findLeftOver(plan, members, partitionCounts)
    return withUnresolved(plan, members, this.#counts.unknown)
  }

  /** Remembers where members and partitions are for the plan that is made, or found. */
  #remember(memberRacks: ReadonlySet<string>): PartitionRacks | undefined {
    const topics = this.#counts.counts.keys()
    const partitionRacks = this.#replicaRacks.of(this.#cluster.metadata, topics)
    this.#planned = { memberRacks, partitionRacks: partitionRacks ?? new Map() }
    return partitionRacks
  }

  /** Watches these topics; what it gives aborts when that ends. */
  #watch(topics: ReadonlySet<string>): AbortSignal {
    const release = this.#cluster.needTopics([...topics])
    const signal = this.#begin()
    this.#counts.limitTo(topics)
    this.#counts.observe(this.#cluster.metadata)
    this.#replicaRacks.observe(this.#cluster.metadata)
    const unsubscribe = this.#cluster.onMetadata((metadata) => {
      this.#replicaRacks.observe(metadata)
      this.#judge(this.#counts.observe(metadata))
      this.#judgeRacks(metadata)
    })
    this.#release = () => {
      unsubscribe()
      release()
    }
    return signal
  }

  #begin(): AbortSignal {
    this.stop()
    const reign = new AbortController()
    this.#reign = reign
    this.#leftOver = NOTHING_LEFT_OVER
    this.#planned = NOWHERE
    this.#baseline = 'none'
    return reign.signal
  }

  #judge(growth: readonly Growth[]): void {
    if (growth.length === 0) return
    if (this.#baseline === 'none') {
      this.#news.push(...growth)
      return
    }
    if (this.#baseline !== 'own') return this.#mindUnassigned(this.#baseline)
    const parts = growth.map(({ topic, from, to }) => `"${topic}" from ${from ?? 0} to ${to}`)
    this.#options.onPlanNeeded(`partitions were added: ${parts.join(', ')}`)
  }

  /** Replicas were moved (KIP-881): what was near to a member may be far from it now. */
  #judgeRacks(metadata: ClusterMetadata): void {
    if (this.#baseline === 'none') return
    const { memberRacks, partitionRacks } = this.#planned
    const now = this.#replicaRacks.of(metadata, partitionRacks.keys())
    if (now === undefined) return
    const moved = topicsThatMoved(partitionRacks, now, memberRacks)
    if (moved.length === 0) return
    const names = moved.slice(0, 3).map((topic) => `"${topic}"`)
    this.#options.onPlanNeeded(`replicas of ${names.join(', ')} are in other racks now`)
  }

  /** The own plan is in force: growth from now on is a reason to make another. */
  reign(): void {
    const signal = this.#reign?.signal
    if (signal === undefined) return
    this.#baseline = 'own'
    this.#judge(this.#news)
    this.#judgeRacks(this.#cluster.metadata)
    void this.#chaseMissing(signal)
    if (this.#leftOver.count > 0) void this.#mindLeftOver(signal)
  }

  /**
   * The group goes on with the plan of a predecessor, who may not have lived to see what it was
   * waiting for: partitions that were given up, or added, and that nobody reads. An early rejoin
   * takes nothing from anybody, so there is no wait.
   */
  inherit(): void {
    void this.#takeOver(this.#begin())
  }

  async #takeOver(signal: AbortSignal): Promise<void> {
    const { groupId } = this.#options
    while (!signal.aborted && !this.#cluster.isClosed) {
      const found = await findPlanInForce(this.#cluster, groupId).catch(asKafkaError)
      if (signal.aborted) return
      if (found instanceof KafkaError && !found.retriable) {
        // Nobody else would ever look; another plan leaves no doubt.
        this.#options.onPlanNeeded(
          `this member leads, and the plan is not to be seen: ${found.code}`,
        )
        return
      }
      if (found !== undefined && !(found instanceof KafkaError)) {
        for (const bytes of found.unreadable) this.#options.onUnreadable(bytes)
        const reign = this.#watch(found.topics)
        this.#remember(found.memberRacks)
        this.#baseline = found
        this.#mindUnassigned(found)
        void this.#chaseMissing(reign)
        return
      }
      await this.#cluster.sleep(LOOK_UP_INTERVAL_MS, signal)
    }
  }

  #mindUnassigned(inherited: PlanInForce): void {
    const unassigned = countUnassigned(this.#counts.counts, inherited)
    if (unassigned > 0) this.#options.onPlanNeeded(`nobody was assigned ${unassigned} partitions`)
  }

  /**
   * Whoever has to give partitions up joins again once it did, and so begins the next generation.
   * But a static member that is replaced in between takes its successor in without one. No answer
   * to the leader says so: it looks, now and then, whether they are all still there. That is rarely
   * more than once, because hooks are quick, and the next generation ends this reign.
   */
  async #mindLeftOver(signal: AbortSignal): Promise<void> {
    const { groupId, rebalanceTimeoutMs, onPlanNeeded } = this.#options
    const { clock } = this.#cluster.environment
    const { count, holders } = this.#leftOver
    const deadline = clock.monotonic() + rebalanceTimeoutMs
    for (;;) {
      const remaining = deadline - clock.monotonic()
      await this.#cluster.sleep(Math.min(LOOK_UP_INTERVAL_MS, remaining), signal)
      if (signal.aborted || this.#cluster.isClosed) return
      if (clock.monotonic() >= deadline) break
      const found = await findPlanInForce(this.#cluster, groupId).catch(asKafkaError)
      if (signal.aborted) return
      // A group that rebalances, or is not to be seen, is waited for.
      if (found === undefined || found instanceof KafkaError) continue
      if ([...holders].every((memberId) => found.memberIds.has(memberId))) continue
      onPlanNeeded(`whoever was to give up ${count} partitions is gone`)
      return
    }
    onPlanNeeded(`${count} partitions were left over, and nobody came for them`)
  }

  /** Nobody else asks for topics that are missing, or in doubt, before metadata grows old. */
  async #chaseMissing(signal: AbortSignal): Promise<void> {
    const isMissing = (): boolean =>
      this.#counts.unsettled.length > 0 || this.#counts.absent.length > 0
    while (!signal.aborted && !this.#cluster.isClosed && isMissing()) {
      await this.#cluster.sleep(MISSING_TOPICS_REFRESH_MS, signal)
      if (!signal.aborted) await this.#refresh(MISSING_TOPICS_REFRESH_MS, signal)
    }
  }

  /** Waits for fresh metadata, but not longer than `patienceMs`. */
  async #refresh(patienceMs: number, reign: AbortSignal): Promise<void> {
    const pause = new AbortController()
    const end = (): void => pause.abort()
    reign.addEventListener('abort', end, { once: true })
    const missing = this.#counts.unsettled.slice(0, 3).join(', ')
    // When it fails the brokers are out of reach: the pause goes on, so that nothing spins.
    this.#cluster
      .refreshMetadata(`the leader of a group needs its topics (${missing})`)
      .then(end, () => undefined)
    await this.#cluster.sleep(Math.min(patienceMs, REFRESH_PATIENCE_MS), pause.signal)
    reign.removeEventListener('abort', end)
  }

  /** This member leads no more. */
  stop(): void {
    this.#reign?.abort()
    this.#reign = undefined
    this.#release?.()
    this.#release = undefined
  }
}

function asKafkaError(cause: unknown): KafkaError {
  if (cause instanceof KafkaError) return cause
  throw cause
}

/** Partitions of topics that metadata lacks for the moment stay with who holds them. */
function withUnresolved(
  plan: GroupAssignment,
  members: readonly GroupMember[],
  unknown: ReadonlySet<string>,
): GroupAssignment {
  if (unknown.size === 0) return plan
  const { heldBy } = settleClaims(members, ({ topic }) => unknown.has(topic))
  return new Map(
    members.map(({ memberId }) => [
      memberId,
      [...(plan.get(memberId) ?? []), ...(heldBy.get(memberId) ?? [])],
    ]),
  )
}

const MEMBERS_WITHOUT_TURN = 500
/** With one subscription a plan takes about 2 s here; with several it takes longer. */
export const MAX_MEMBERS = 50_000

export function refuseTooMany(count: number, { name }: Assignor): void {
  if (count <= MAX_MEMBERS) return
  throw new UsageError(
    `The group has ${count} members; "${name}" divides partitions among ${MAX_MEMBERS} at most. ` +
      "Use groupProtocol: 'consumer', where the broker divides them, or several groups.",
  )
}

/** Two readers of one partition are worse than no plan. */
function checkPlan(
  plan: GroupAssignment,
  members: readonly GroupMember[],
  assignor: Assignor,
): void {
  const ownerOf = new Map<string, string>()
  const refuse = (partition: TopicPartition, problem: string): never => {
    throw new UsageError(
      `The partition assignor "${assignor.name}" gives ${partition.topic}-${partition.partition} ` +
        `${problem}. Mend the assignor.`,
    )
  }
  const names = new Set(members.map(({ memberId }) => memberId))
  for (const [memberId, partitions] of plan) {
    for (const partition of partitions) {
      if (!names.has(memberId)) refuse(partition, `to "${memberId}", who is not a member`)
      const key = partitionKey(partition.topic, partition.partition)
      if (ownerOf.has(key)) refuse(partition, 'to two members')
      ownerOf.set(key, memberId)
    }
  }
  if (assignor.protocol === 'eager') return
  const { heldBy } = settleClaims(members, () => true)
  for (const [holder, partitions] of heldBy) {
    for (const partition of partitions) {
      const owner = ownerOf.get(partitionKey(partition.topic, partition.partition))
      if (owner !== undefined && owner !== holder) {
        refuse(partition, 'to a new owner while the old one still holds it')
      }
    }
  }
}
