/**
 * The shell around the classic membership machine: it does what the machine decides (requests,
 * hooks, pauses) and feeds back what comes of it. Every step goes through `#dispatch`, one at a
 * time, whoever calls from inside a hook.
 */
import type { Timer } from '@odradek/environment'
import { KafkaError } from '@odradek/protocol'
import type { Cluster, Purpose } from '../../cluster/index.ts'
import { UsageError } from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { Assignor, GroupAssignment } from './assignors/assignor.ts'
import { ClassicCoordinator, type Joined, MemberIdRequiredError } from './classic-coordinator.ts'
import { membersOf } from './classic-requests.ts'
import { explainInconsistentGroup } from './explain-inconsistent-group.ts'
import { GroupLeader } from './group-leader.ts'
import type { Seat } from '../liveness/seat.ts'
import { Heartbeater } from './heartbeater.ts'
import type {
  AssignedPartition,
  LeaveOptions,
  Membership,
  MembershipHandler,
  MembershipStamp,
} from './membership.ts'
import { transition } from './membership-classic.machine.ts'
import type { Effect, Event, Member, State } from './membership-classic.states.ts'
import { StallWatch } from './stall-watch.ts'
import { TopicIds } from './topic-ids.ts'

export interface ClassicMembershipOptions {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly topics: readonly string[]
  /** In order of preference. */
  readonly assignors: readonly Assignor[]
  readonly clientRack: string | null
  /** The connections for joins, which may be parked for long; shared ones when absent. */
  readonly joinPurpose?: Purpose | undefined
  /** Beside the understudy, if there is one. */
  readonly seat?: Seat | undefined
  readonly emitter: TypedEmitter<ClientEvents>
  /** Hears every step. */
  readonly onStep?: ((step: TracedStep) => void) | undefined
}

export interface TracedStep {
  readonly at: number
  readonly from: State
  readonly event: Event
  readonly to: State
  readonly effects: readonly Effect[]
}

interface Hook {
  readonly ticket: number
  readonly name: string
  readonly budgetMs?: number
}

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
  readonly #heartbeater: Heartbeater
  readonly #coordinator: ClassicCoordinator
  readonly #leader: GroupLeader
  readonly #stallWatch: StallWatch
  readonly #timers = new Set<Timer>()
  readonly #topicIds: TopicIds
  readonly #events: Event[] = []
  readonly #left: Promise<void>
  #resolveLeft: () => void = () => undefined
  #state: State
  #isStepping = false
  #releaseTopics: () => void
  #joined: Joined | undefined
  #plan: GroupAssignment = NO_PLAN
  #lost: readonly TopicPartition[] = []
  #leaveDeadline = 0

  constructor(cluster: Cluster, options: ClassicMembershipOptions, handler: MembershipHandler) {
    this.#cluster = cluster
    this.#options = options
    this.#handler = handler
    this.#topicIds = new TopicIds(cluster)
    const { retryBackoffMs, retryBackoffMaxMs } = cluster.options
    this.#state = {
      name: 'unjoined',
      settings: {
        sessionTimeoutMs: options.sessionTimeoutMs,
        patience: Math.max(2, Math.ceil(DOUBT_MS / options.heartbeatIntervalMs)),
        retryBackoffMs,
        retryBackoffMaxMs,
      },
      topics: options.topics,
    }
    this.#releaseTopics = cluster.needTopics(options.topics)
    this.#left = new Promise((resolve) => {
      this.#resolveLeft = resolve
    })
    this.#heartbeater = new Heartbeater(cluster, {
      ...options,
      onRefused: (error, life) => this.#memberRefused(error, life.memberId, life.generationId),
      onAcknowledged: (life) => {
        const { name } = this.#state
        if (name !== 'joining' && name !== 'syncing') return
        this.#dispatch({ type: 'memberAcknowledged', ...life, chance: this.#chance() })
      },
      onExpired: ({ generationId }) =>
        this.#dispatch({ type: 'sessionExpired', generationId, chance: this.#chance() }),
    })
    this.#coordinator = new ClassicCoordinator(cluster, options)
    this.#leader = new GroupLeader(cluster, {
      groupId: options.groupId,
      patienceMs: options.sessionTimeoutMs / 3,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      onPlanNeeded: (reason) => this.rejoin(reason),
    })
    this.#stallWatch = new StallWatch(cluster.environment, options, options.emitter)
  }

  start(): void {
    this.#dispatch({ type: 'started' })
  }

  get stamp(): MembershipStamp | undefined {
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
    return 'member' in this.#state ? this.#state.member : undefined
  }

  setTopics(topics: readonly string[]): void {
    const release = this.#releaseTopics
    if (!this.#isOver) this.#releaseTopics = this.#cluster.needTopics(topics)
    release()
    this.#dispatch({ type: 'topicsChanged', topics })
  }

  rejoin(reason: string): void {
    this.#dispatch({ type: 'rejoinRequested', reason })
  }

  handleStampRefused(error: KafkaError, stamp: MembershipStamp): void {
    this.#memberRefused(error, stamp.memberId, stamp.generationIdOrMemberEpoch)
  }

  #memberRefused(error: KafkaError, memberId: string, generationId: number): void {
    // A group that gathers is no trouble.
    if (error.code !== 'REBALANCE_IN_PROGRESS') this.#stallWatch.note(error)
    const chance = this.#chance()
    this.#dispatch({ type: 'memberRefused', memberId, generationId, error, chance })
  }

  isSessionAlive(now?: number): boolean {
    return this.#heartbeater.isAlive(now)
  }

  rest({ group, reason }: Pick<LeaveOptions, 'group' | 'reason'>): void {
    this.#leaveDeadline = this.#cluster.environment.clock.monotonic() + FAREWELL_TIMEOUT_MS
    this.#dispatch({ type: 'restRequested', tellsGroup: group === 'leave', reason })
  }

  leave(options: LeaveOptions): Promise<void> {
    const { group, reason, deadline } = options
    this.#leaveDeadline = deadline
    // Whoever asks again may be in more of a hurry.
    if (this.#state.name === 'leaving') this.#settleLeaveAt(deadline)
    this.#dispatch({ type: 'leaveRequested', tellsGroup: group === 'leave', reason })
    return this.#left
  }

  #chance(): number {
    return this.#cluster.environment.random.fraction()
  }

  /** The one place where anything happens. */
  #dispatch(event: Event): void {
    this.#events.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const from = this.#state
        const { state, effects } = transition(from, next)
        this.#state = state
        const at = this.#cluster.environment.clock.monotonic()
        this.#options.onStep?.({ at, from, event: next, to: state, effects })
        for (const effect of effects) this.#perform(effect)
        if (state.name !== from.name) this.#entered(state)
      }
    } finally {
      this.#isStepping = false
    }
  }

  get #isOver(): boolean {
    return this.#state.name === 'left' || this.#state.name === 'failed'
  }

  #entered(state: State): void {
    this.#stallWatch.follow(state.name)
    const isAway = state.name === 'leaving' || state.name === 'resting' || this.#isOver
    if (state.name === 'joining' || isAway) this.#leader.stop()
    if (isAway) {
      for (const timer of this.#timers) this.#cluster.environment.timers.clear(timer)
      this.#timers.clear()
    }
    if (this.#isOver) {
      this.#heartbeater.stop()
      this.#releaseTopics()
    }
    if (state.name === 'leaving') this.#settleLeaveAt(this.#leaveDeadline)
    if (state.name === 'left') this.#resolveLeft()
  }

  #settleLeaveAt(deadline: number): void {
    this.#setTimer(deadline, () => this.#dispatch({ type: 'leaveSettled' }))
  }

  /** Calls back at a time of the monotonic clock, after input that has arrived was read. */
  #setTimer(at: number, callback: () => void): Timer {
    const { timers, clock } = this.#cluster.environment
    const timer = timers.set(Math.max(0, at - clock.monotonic()), () => {
      this.#timers.delete(timer)
      timers.soon(callback)
    })
    this.#timers.add(timer)
    return timer
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'callRevoked': {
        const partitions = this.#topicIds.of(effect.partitions)
        const { sessionTimeoutMs } = this.#options
        const budgetMs = effect.isUrgent
          ? Math.min(this.#hookBudgetMs, sessionTimeoutMs / 3)
          : this.#hookBudgetMs
        return this.#callHook({ ticket: effect.ticket, name: 'onRevoked', budgetMs }, (deadline) =>
          this.#handler.onRevoked(partitions, deadline),
        )
      }
      case 'callAssigned':
        return this.#callHook({ ticket: effect.ticket, name: 'onAssigned' }, () =>
          this.#assign(effect.added),
        )
      case 'callJoining':
        return this.#callHook({ ticket: effect.ticket, name: 'onJoining' }, (deadline) =>
          this.#handler.onJoining(deadline),
        )
      case 'becomeStable':
        return this.#becomeStable(effect.revoked)
      case 'lose':
        this.#lost = [...this.#lost, ...effect.partitions]
        return this.#tell('onLost', () =>
          this.#handler.onLost(this.#topicIds.of(effect.partitions), effect.reason),
        )
      case 'sendJoin':
        return this.#run(this.#join(effect.ticket, effect.reason))
      case 'dropConnection': {
        const { joinPurpose } = this.#options
        if (joinPurpose !== undefined) this.#cluster.closePurpose(joinPurpose)
        return
      }
      case 'makePlan':
        return this.#run(this.#makePlan(effect.ticket))
      case 'sendSync':
        return this.#run(this.#sync(effect.ticket))
      case 'startHeartbeats':
        return this.#startHeartbeats()
      case 'stopHeartbeats':
        return this.#heartbeater.stop()
      case 'forgetCoordinator':
        return this.#cluster.forgetCoordinator('group', this.#options.groupId)
      case 'pause': {
        const at = this.#cluster.environment.clock.monotonic() + effect.delayMs
        const { ticket } = effect
        this.#setTimer(at, () => this.#dispatch({ type: 'pauseOver', ticket }))
        return
      }
      case 'sendLeave':
        return this.#run(this.#leaveGroup(effect.memberId, effect.reason))
      case 'reportFenced':
        return this.#reportFenced(effect.memberId, effect.reason)
      case 'fail':
        return this.#run(this.#fail(effect.error))
    }
  }

  /** Requests end in events; what escapes them is a mistake of ours and must not go unheard. */
  #run(work: Promise<void>): void {
    work.catch((error: unknown) => this.#report('membership', error))
  }

  #report(event: string, error: unknown): void {
    this.#options.emitter.emit('listenerError', { event, error })
  }

  #tell(name: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#report(name, error)
    }
  }

  /** Calls a hook and goes on when it is through, or when its time is up. */
  #callHook(hook: Hook, call: (deadline: number) => Promise<void>): void {
    const { clock, timers } = this.#cluster.environment
    const deadline = clock.monotonic() + (hook.budgetMs ?? this.#hookBudgetMs)
    let isSettled = false
    const settle = (): void => {
      if (isSettled) return
      isSettled = true
      timers.clear(timer)
      this.#timers.delete(timer)
      this.#dispatch({ type: 'hookSettled', ticket: hook.ticket })
    }
    const timer = this.#setTimer(deadline, settle)
    const run = async (): Promise<void> => call(deadline)
    run().then(settle, (error: unknown) => {
      this.#report(hook.name, error)
      settle()
    })
  }

  /** The group waits for us no longer than the rebalance timeout, and we may have heard of the
   * rebalance a heartbeat later than it began. */
  get #hookBudgetMs(): number {
    const { rebalanceTimeoutMs, heartbeatIntervalMs } = this.#options
    return Math.max(rebalanceTimeoutMs / 2, rebalanceTimeoutMs - 2 * heartbeatIntervalMs)
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
    const member = this.#member
    if (member === undefined) return
    const { groupId, emitter } = this.#options
    const { memberId, generation, claim } = member
    if (this.#joined?.inheritsPlan === true) this.#leader.inherit()
    else if (generation.isLeader) this.#leader.reign()
    this.#heartbeater.beatSoon()
    this.#tell('onStable', () => this.#handler.onStable())
    const { generationId } = generation
    const lost = this.#lost
    this.#lost = []
    const assigned = claim.partitions
    emitter.emit('rebalanced', { groupId, memberId, generationId, assigned, revoked, lost })
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
      this.#dispatch({
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
      const chance = this.#chance()
      this.#dispatch({ type: 'joinRefused', ticket, error, memberId, unsettledMs, chance })
    }
  }

  async #makePlan(ticket: number): Promise<void> {
    if (this.#joined === undefined) return
    const { answer, assignor, inheritsPlan } = this.#joined
    try {
      const members = membersOf(answer)
      // A static leader came back: its group goes on with the plan that is in force.
      this.#plan = inheritsPlan ? NO_PLAN : await this.#leader.plan(members, assignor)
      this.#dispatch({ type: 'planned', ticket })
    } catch (cause) {
      this.#dispatch({ type: 'planFailed', ticket, error: asKafkaError(cause) })
    }
  }

  async #sync(ticket: number): Promise<void> {
    const member = this.#member
    if (member === undefined) return
    try {
      const plan = member.generation.isLeader ? this.#plan : NO_PLAN
      const partitions = await this.#coordinator.sync(member, plan)
      this.#dispatch({ type: 'syncAnswered', ticket, partitions })
    } catch (cause) {
      const error = asKafkaError(cause)
      this.#stallWatch.note(error)
      this.#dispatch({ type: 'syncRefused', ticket, error, chance: this.#chance() })
    }
  }

  async #leaveGroup(memberId: string, reason: string): Promise<void> {
    const { clock } = this.#cluster.environment
    const timeoutMs = Math.max(1, this.#leaveDeadline - clock.monotonic())
    try {
      await this.#coordinator.leave(memberId, reason, timeoutMs)
    } catch {
      // The coordinator will notice by itself, a session timeout later.
    } finally {
      this.#dispatch({ type: 'leaveSettled' })
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
    this.#tell('onFatal', () => this.#handler.onFatal(explained))
  }
}

/** What else is thrown comes from an assignor: the only code here that is not ours. */
function asKafkaError(cause: unknown): KafkaError {
  if (cause instanceof KafkaError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new UsageError(`A partition assignor threw: ${reason}`, { cause })
}
