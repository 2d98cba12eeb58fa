/**
 * A member of a classic group: JoinGroup, SyncGroup and Heartbeat, decided by the machine of this
 * protocol (`membership-classic.machine.ts`) in the shell that every membership has
 * (`shell/member-shell.ts`). Beside it are the heartbeats and, while this member leads its group,
 * the making of plans.
 */
import { KafkaError } from '@odradek/protocol'
import type { Cluster, Purpose } from '../../cluster/index.ts'
import { UsageError } from '../../errors/errors.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import { hookBudgetMs } from '../shell/hook-budget.ts'
import type { MemberOptions } from '../shell/member-options.ts'
import { MemberShell, type TracedStep as Traced } from '../shell/member-shell.ts'
import { RebalanceReport } from '../shell/rebalance-report.ts'
import { StallWatch } from '../shell/stall-watch.ts'
import type { Assignor, GroupAssignment } from '../assignors/assignor.ts'
import { ClassicCoordinator, type Joined, MemberIdRequiredError } from './classic-coordinator.ts'
import { membersOf } from './classic-requests.ts'
import { explainInconsistentGroup } from './explain-inconsistent-group.ts'
import { GroupLeader } from './group-leader.ts'
import { Heartbeater } from './heartbeater.ts'
import { JoinWatch } from './join-watch.ts'
import type {
  AssignedPartition,
  LeaveOptions,
  Membership,
  MembershipHandler,
  ConsumerGroupMetadata,
} from '../shell/membership.ts'
import { transition } from './membership-classic.machine.ts'
import type { Effect, Event, Member, State } from './membership-classic.states.ts'
import { TopicIds } from './topic-ids.ts'

export type TracedStep = Traced<State, Event, Effect>

export interface ClassicMembershipOptions extends MemberOptions<TracedStep> {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** In order of preference. */
  readonly assignors: readonly Assignor[]
  /** The connections for joins, which may be parked for long; shared ones when absent. */
  readonly joinPurpose?: Purpose | undefined
}

interface HookCall {
  readonly name: string
  readonly ticket: number
  readonly atMostMs?: number | undefined
}

type HookBody = (deadline: number) => Promise<void>

/** Longer than a connection takes to stand: a request that waits for one is not lost. */
const DOUBT_MS = 15_000
/** How long `onAssigned` waits for the ids of topics, at most. */
const TOPIC_ID_PATIENCE_MS = 5000
/** How long the good-bye of a member that rests may take. */
const FAREWELL_TIMEOUT_MS = 5000
const NO_PLAN: GroupAssignment = new Map()

export class ClassicMembership implements Membership {
  readonly #cluster: Cluster
  readonly #options: ClassicMembershipOptions
  readonly #handler: MembershipHandler
  readonly #shell: MemberShell<State, Event, Effect>
  readonly #heartbeater: Heartbeater
  readonly #coordinator: ClassicCoordinator
  readonly #joinWatch: JoinWatch
  readonly #leader: GroupLeader
  readonly #stallWatch: StallWatch
  readonly #report: RebalanceReport
  readonly #topicIds: TopicIds
  #releaseTopics: () => void
  #joined: Joined | undefined
  #plan: GroupAssignment = NO_PLAN

  constructor(cluster: Cluster, options: ClassicMembershipOptions, handler: MembershipHandler) {
    this.#cluster = cluster
    this.#options = options
    this.#handler = handler
    this.#topicIds = new TopicIds(cluster)
    const { groupId, sessionTimeoutMs, heartbeatIntervalMs, topics, emitter } = options
    const { retryBackoffMs, retryBackoffMaxMs } = cluster.options
    const patience = Math.max(2, Math.ceil(DOUBT_MS / heartbeatIntervalMs))
    const settings = { sessionTimeoutMs, patience, retryBackoffMs, retryBackoffMaxMs }
    this.#shell = new MemberShell(cluster.environment, emitter, {
      initial: { name: 'unjoined', settings, topics },
      transition,
      perform: (effect) => this.#perform(effect),
      entered: (state) => this.#entered(state),
      stepped: (state) => this.#joinWatch.follow(state),
      leaveSettled: { type: 'leaveSettled' },
      onStep: options.onStep,
    })
    this.#releaseTopics = cluster.needTopics(topics)
    this.#heartbeater = new Heartbeater(cluster, {
      ...options,
      onRefused: (error, life) => this.#memberRefused(error, life.memberId, life.generationId),
      onAcknowledged: (life) => {
        const { name } = this.#shell.state
        if (name !== 'joining' && name !== 'syncing') return
        this.#shell.dispatch({ type: 'memberAcknowledged', ...life, chance: this.#shell.chance() })
      },
      onExpired: ({ generationId }) => {
        const chance = this.#shell.chance()
        this.#shell.dispatch({ type: 'sessionExpired', generationId, chance })
      },
    })
    this.#joinWatch = new JoinWatch(cluster, {
      ...options,
      onAnswered: (life, error) => {
        const chance = this.#shell.chance()
        if (error === undefined)
          this.#shell.dispatch({ type: 'memberAcknowledged', ...life, chance })
        else this.#shell.dispatch({ type: 'memberRefused', ...life, error, chance })
      },
    })
    this.#coordinator = new ClassicCoordinator(cluster, options)
    this.#leader = new GroupLeader(cluster, {
      groupId,
      patienceMs: sessionTimeoutMs / 3,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      onPlanNeeded: (reason) => this.rejoin(reason),
      onUnreadable: ({ kind, memberId, error }) =>
        kind === 'subscription'
          ? emitter.emit('unreadableSubscription', {
              ...{ groupId, memberId, error },
              advice: 'This member leads the group and does not notice when its topics grow.',
            })
          : emitter.emit('unreadableAssignment', {
              ...{ groupId, memberId, error },
              advice: 'This member leads the group and counts its partitions as assigned to none.',
            }),
    })
    this.#stallWatch = new StallWatch(cluster.environment, options, emitter)
    this.#report = new RebalanceReport(emitter)
  }

  start(): void {
    this.#shell.dispatch({ type: 'started' })
  }

  get stamp(): ConsumerGroupMetadata | undefined {
    const member = this.#member
    if (member === undefined || member.generation.generationId < 0) return undefined
    const { groupId, groupInstanceId } = this.#options
    return {
      groupId,
      groupInstanceId,
      memberId: member.memberId,
      generationIdOrMemberEpoch: member.generation.generationId,
    }
  }

  get assigned(): readonly AssignedPartition[] {
    return this.#topicIds.of(this.#member?.claim.partitions ?? [])
  }

  get #member(): Member | undefined {
    const { state } = this.#shell
    return 'member' in state ? state.member : undefined
  }

  setTopics(topics: readonly string[]): void {
    const release = this.#releaseTopics
    if (!this.#shell.isOver) this.#releaseTopics = this.#cluster.needTopics(topics)
    release()
    this.#shell.dispatch({ type: 'topicsChanged', topics })
  }

  rejoin(reason: string): void {
    this.#shell.dispatch({ type: 'rejoinRequested', reason })
  }

  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void {
    this.#memberRefused(error, stamp.memberId, stamp.generationIdOrMemberEpoch)
  }

  #memberRefused(error: KafkaError, memberId: string, generationId: number): void {
    // A group that gathers is no trouble.
    if (error.code !== 'REBALANCE_IN_PROGRESS') this.#stallWatch.note(error)
    const chance = this.#shell.chance()
    this.#shell.dispatch({ type: 'memberRefused', memberId, generationId, error, chance })
  }

  isSessionAlive(now?: number): boolean {
    return this.#heartbeater.isAlive(now)
  }

  rest({ group, reason }: Pick<LeaveOptions, 'group' | 'reason'>): void {
    this.#shell.leaveBy = this.#cluster.environment.clock.monotonic() + FAREWELL_TIMEOUT_MS
    this.#shell.dispatch({ type: 'restRequested', tellsGroup: group === 'leave', reason })
  }

  leave({ group, reason, deadline }: LeaveOptions): Promise<void> {
    const request = { type: 'leaveRequested', tellsGroup: group === 'leave', reason } as const
    return this.#shell.leave(request, deadline)
  }

  #entered({ name }: State): void {
    this.#stallWatch.follow(name)
    const { isOver } = this.#shell
    if (name === 'joining' || name === 'leaving' || name === 'resting' || isOver) {
      this.#leader.stop()
    }
    if (!isOver) return
    this.#heartbeater.stop()
    this.#releaseTopics()
  }

  #perform(effect: Effect): void {
    const shell = this.#shell
    switch (effect.do) {
      case 'callRevoked': {
        const { ticket, isUrgent } = effect
        const partitions = this.#topicIds.of(effect.partitions)
        const atMostMs = isUrgent ? this.#options.sessionTimeoutMs / 3 : undefined
        return this.#callHook({ name: 'onRevoked', ticket, atMostMs }, (deadline) =>
          this.#handler.onRevoked(partitions, deadline),
        )
      }
      case 'callAssigned':
        return this.#callHook({ name: 'onAssigned', ticket: effect.ticket }, () =>
          this.#assign(effect.added),
        )
      case 'callJoining':
        return this.#callHook({ name: 'onJoining', ticket: effect.ticket }, (deadline) =>
          this.#handler.onJoining(deadline),
        )
      case 'becomeStable':
        return this.#becomeStable(effect.revoked)
      case 'lose':
        this.#report.lose(effect.partitions)
        return shell.tell('onLost', () =>
          this.#handler.onLost(this.#topicIds.of(effect.partitions), effect.reason),
        )
      case 'sendJoin':
        return shell.run(this.#join(effect.ticket, effect.reason))
      case 'dropConnection': {
        const { joinPurpose } = this.#options
        if (joinPurpose !== undefined) this.#cluster.closePurpose(joinPurpose)
        return
      }
      case 'makePlan':
        return shell.run(this.#makePlan(effect.ticket))
      case 'sendSync':
        return shell.run(this.#sync(effect.ticket))
      case 'startHeartbeats':
        return this.#startHeartbeats()
      case 'stopHeartbeats':
        return this.#heartbeater.stop()
      case 'forgetCoordinator':
        return this.#cluster.forgetCoordinator('group', this.#options.groupId)
      case 'pause': {
        const at = this.#cluster.environment.clock.monotonic() + effect.delayMs
        const { ticket } = effect
        shell.setTimer(at, () => shell.dispatch({ type: 'pauseOver', ticket }))
        return
      }
      case 'sendLeave':
        return shell.run(this.#leaveGroup(effect.memberId, effect.reason))
      case 'reportFenced':
        return this.#reportFenced(effect.memberId, effect.reason)
      case 'fail':
        return shell.run(this.#fail(effect.error))
    }
  }

  #callHook({ name, ticket, atMostMs }: HookCall, call: HookBody): void {
    const budgetMs = Math.min(this.#hookBudgetMs, atMostMs ?? Number.POSITIVE_INFINITY)
    const settled = (): void => this.#shell.dispatch({ type: 'hookSettled', ticket })
    this.#shell.callHook({ name, budgetMs, settled }, call)
  }

  get #hookBudgetMs(): number {
    const { rebalanceTimeoutMs, heartbeatIntervalMs } = this.#options
    return hookBudgetMs(rebalanceTimeoutMs, heartbeatIntervalMs)
  }

  async #assign(added: readonly TopicPartition[]): Promise<void> {
    await this.#topicIds.learn(added, Math.min(TOPIC_ID_PATIENCE_MS, this.#hookBudgetMs / 2))
    // What was lost meanwhile is not announced.
    const held = new Set(
      this.#member?.claim.partitions.map(({ topic, partition }) => partitionKey(topic, partition)),
    )
    const still = added.filter(({ topic, partition }) => held.has(partitionKey(topic, partition)))
    if (still.length > 0 || added.length === 0) {
      await this.#handler.onAssigned(this.#topicIds.of(still))
    }
  }

  #becomeStable(revoked: readonly TopicPartition[]): void {
    const { stamp } = this
    const member = this.#member
    if (member === undefined || stamp === undefined) return
    if (this.#joined?.inheritsPlan === true) this.#leader.inherit()
    else if (member.generation.isLeader) this.#leader.reign()
    this.#heartbeater.beatSoon()
    this.#shell.tell('onStable', () => this.#handler.onStable())
    this.#report.revoke(revoked)
    this.#report.tell(stamp, member.claim.partitions)
  }

  #startHeartbeats(): void {
    const member = this.#member
    if (member === undefined) return
    const { memberId, generation } = member
    this.#heartbeater.start({ memberId, generationId: generation.generationId })
  }

  async #join(ticket: number, reason: string): Promise<void> {
    const member = this.#member
    if (member === undefined) return
    try {
      const joined = await this.#coordinator.join(member, reason)
      if (this.#member?.ticket !== ticket) return
      this.#joined = joined
      const { answer, assignor } = joined
      this.#shell.dispatch({
        type: 'joinAnswered',
        ticket,
        memberId: answer.memberId,
        generation: {
          generationId: answer.generationId,
          protocolName: assignor.name,
          isCooperative: assignor.protocol === 'cooperative',
          isLeader: answer.leader === answer.memberId,
        },
      })
    } catch (cause) {
      const error = asKafkaError(cause)
      const isRequired = error instanceof MemberIdRequiredError
      if (!isRequired) this.#stallWatch.note(error)
      const memberId = isRequired ? error.memberId : member.memberId
      const { unsettledMs } = this.#stallWatch
      const chance = this.#shell.chance()
      this.#shell.dispatch({ type: 'joinRefused', ticket, error, memberId, unsettledMs, chance })
    }
  }

  async #makePlan(ticket: number): Promise<void> {
    if (this.#joined === undefined) return
    const { answer, assignor, inheritsPlan } = this.#joined
    try {
      const { groupId, emitter } = this.#options
      const members = membersOf(answer, (memberId, error) =>
        emitter.emit('unreadableSubscription', {
          ...{ groupId, memberId, error },
          advice: 'This member leads the group and assigns no partitions to it.',
        }),
      )
      // A static leader came back: its group goes on with the plan that is in force.
      this.#plan = inheritsPlan ? NO_PLAN : await this.#leader.plan(members, assignor)
      this.#shell.dispatch({ type: 'planned', ticket })
    } catch (cause) {
      this.#shell.dispatch({ type: 'planFailed', ticket, error: asKafkaError(cause) })
    }
  }

  async #sync(ticket: number): Promise<void> {
    const member = this.#member
    if (member === undefined) return
    try {
      const plan = member.generation.isLeader ? this.#plan : NO_PLAN
      const partitions = await this.#coordinator.sync(member, plan)
      this.#shell.dispatch({ type: 'syncAnswered', ticket, partitions })
    } catch (cause) {
      const error = asKafkaError(cause)
      this.#stallWatch.note(error)
      this.#shell.dispatch({ type: 'syncRefused', ticket, error, chance: this.#shell.chance() })
    }
  }

  async #leaveGroup(memberId: string, reason: string): Promise<void> {
    const { clock } = this.#cluster.environment
    const timeoutMs = Math.max(1, this.#shell.leaveBy - clock.monotonic())
    try {
      await this.#coordinator.leave(memberId, reason, timeoutMs)
    } catch {
      // The coordinator will notice by itself, a session timeout later.
    } finally {
      this.#shell.dispatch({ type: 'leaveSettled' })
    }
  }

  #reportFenced(memberId: string, reason: string): void {
    if (memberId === '') return
    this.#options.emitter.emit('fenced', { groupId: this.#options.groupId, memberId, reason })
  }

  async #fail(error: KafkaError): Promise<void> {
    const explained =
      error.code === 'INCONSISTENT_GROUP_PROTOCOL'
        ? await explainInconsistentGroup(this.#cluster, this.#options, error)
        : error
    this.#shell.tell('onFatal', () => this.#handler.onFatal(explained))
  }
}

/** What else is thrown comes from an assignor: the only code here that is not ours. */
function asKafkaError(cause: unknown): KafkaError {
  if (cause instanceof KafkaError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new UsageError(`A partition assignor threw: ${reason}`, { cause })
}
