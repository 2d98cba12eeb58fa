/**
 * A member of a KIP-848 group: heartbeats say and hear everything, and what they bring is taken up
 * and given up by the machine of this protocol (`membership-consumer.machine.ts`) in the shell that
 * every membership has (`shell/member-shell.ts`).
 */
import type { KafkaError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { hookBudgetMs } from '../shell/hook-budget.ts'
import type { MemberOptions } from '../shell/member-options.ts'
import { MemberShell, type TracedStep as Traced } from '../shell/member-shell.ts'
import { RebalanceReport } from '../shell/rebalance-report.ts'
import { StallWatch } from '../shell/stall-watch.ts'
import type {
  AssignedPartition,
  LeaveOptions,
  Membership,
  MembershipHandler,
  ConsumerGroupMetadata,
} from '../shell/membership.ts'
import { ConsumerHeartbeats, type HeartbeatAnswer, type Refusal } from './consumer-heartbeats.ts'
import { assignmentOf, type HeartbeatIdentity } from './consumer-requests.ts'
import { explainRefusal } from './explain-refusal.ts'
import { sayGoodbye } from './goodbye.ts'
import { GroupTimings } from './group-timings.ts'
import { uuidOf } from './member-id.ts'
import { transition } from './membership-consumer.machine.ts'
import { difference } from './membership-consumer.transitions.ts'
import {
  type Effect,
  type Event,
  type Member,
  newMember,
  type State,
} from './membership-consumer.states.ts'
import { NeededTopics } from './needed-topics.ts'
import { Session } from './session.ts'
import { DEFAULT_SESSION_TIMEOUT_MS } from './session-timeout.ts'
import { ConsumerSnapshots } from './consumer-snapshots.ts'

export type TracedStep = Traced<State, Event, Effect>

export interface ConsumerMembershipOptions extends MemberOptions<TracedStep> {
  /** Topics by a pattern that the broker resolves (RE2), beside those by name; null for none. */
  readonly topicPattern: string | null
  /** The broker's assignor; null leaves the choice to it. */
  readonly groupRemoteAssignor: string | null
}

export class ConsumerMembership implements Membership {
  readonly #cluster: Cluster
  readonly #options: ConsumerMembershipOptions
  readonly #handler: MembershipHandler
  readonly #identity: HeartbeatIdentity
  readonly #shell: MemberShell<State, Event, Effect>
  readonly #session: Session
  readonly #heartbeats: ConsumerHeartbeats
  readonly #lines: ConsumerSnapshots
  readonly #topics: NeededTopics
  readonly #timings: GroupTimings
  readonly #stallWatch: StallWatch
  readonly #report: RebalanceReport

  constructor(cluster: Cluster, options: ConsumerMembershipOptions, handler: MembershipHandler) {
    this.#cluster = cluster
    this.#options = options
    this.#handler = handler
    const { environment } = cluster
    const memberId = uuidOf(environment.random.bytes(16))
    const { groupId, groupInstanceId, rebalanceTimeoutMs, clientRack, seat, emitter } = options
    this.#identity = {
      ...{ groupId, groupInstanceId, memberId, rebalanceTimeoutMs, clientRack },
      remoteAssignor: options.groupRemoteAssignor,
    }
    const { retryBackoffMs, retryBackoffMaxMs } = cluster.options
    const member = newMember({
      settings: { retryBackoffMs, retryBackoffMaxMs },
      subscription: { topics: options.topics, pattern: options.topicPattern },
      memberId,
      isStatic: groupInstanceId !== null,
    })
    this.#shell = new MemberShell(environment, emitter, {
      initial: { name: 'unjoined', member },
      transition,
      perform: (effect) => this.#perform(effect),
      entered: (state) => this.#entered(state),
      stepped: (state, from) => {
        this.#lines.follow(state)
        if (state !== from && !this.#shell.isOver) this.#topics.follow(memberIn(state))
      },
      leaveSettled: { type: 'leaveSettled' },
      onStep: options.onStep,
    })
    const timings = { timeoutMs: DEFAULT_SESSION_TIMEOUT_MS, rebalanceTimeoutMs }
    this.#session = new Session(environment, timings, {
      seat,
      onDoubt: () => this.#dispatch({ type: 'checkWanted' }),
      onCertain: () => this.#shell.tell('onStable', () => handler.onStable()),
      onExpired: () => this.#dispatch({ type: 'sessionExpired', chance: this.#shell.chance() }),
    })
    this.#heartbeats = new ConsumerHeartbeats(cluster, this.#identity, this.#session, {
      onDue: () => this.#dispatch({ type: 'beatDue' }),
      onAnswered: (ticket, answer) => this.#answered(ticket, answer),
      onRefused: (refusal) => this.#refused(refusal),
    })
    this.#lines = new ConsumerSnapshots(seat, this.#identity, this.#session)
    seat?.onTakenBack((memberEpoch) => this.#dispatch({ type: 'takenBack', memberEpoch }))
    this.#topics = new NeededTopics(cluster, (names) =>
      this.#dispatch({ type: 'namesLearned', names }),
    )
    this.#timings = new GroupTimings(cluster, emitter)
    this.#stallWatch = new StallWatch(environment, options, emitter)
    this.#report = new RebalanceReport(emitter)
    this.#topics.follow(member)
  }

  start(): void {
    this.#topics.prepare()
    this.#dispatch({ type: 'started' })
  }

  get stamp(): ConsumerGroupMetadata | undefined {
    const member = this.#member
    if (member === undefined || member.epoch <= 0) return undefined
    const { groupId, groupInstanceId } = this.#options
    const { memberId, epoch } = member
    return { groupId, groupInstanceId, memberId, generationIdOrMemberEpoch: epoch }
  }

  get assigned(): readonly AssignedPartition[] {
    return this.#member?.owned ?? []
  }

  /** While it is one: who leaves speaks for nobody any more. */
  get #member(): Member | undefined {
    const { state } = this.#shell
    const isMember =
      state.name === 'joining' || state.name === 'stable' || state.name === 'reconciling'
    return isMember ? state.member : undefined
  }

  setTopics(topics: readonly string[]): void {
    this.#dispatch({ type: 'topicsChanged', topics })
  }

  /** The coordinator decides by itself who reads what: it is asked whether there is news. */
  rejoin(_reason: string): void {
    this.#dispatch({ type: 'checkWanted' })
  }

  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void {
    this.#stallWatch.note(error)
    const { memberId, generationIdOrMemberEpoch: memberEpoch } = stamp
    const chance = this.#shell.chance()
    this.#dispatch({ type: 'memberRefused', memberId, memberEpoch, error, chance })
  }

  isSessionAlive(): boolean {
    return this.#session.isAlive()
  }

  rest({ group, reason }: Pick<LeaveOptions, 'group' | 'reason'>): void {
    const { environment, options } = this.#cluster
    this.#shell.leaveBy = environment.clock.monotonic() + options.requestTimeoutMs
    this.#dispatch({ type: 'restRequested', tellsGroup: group === 'leave', reason })
  }

  leave({ group, deadline }: LeaveOptions): Promise<void> {
    this.#options.seat?.reclaim()
    return this.#shell.leave({ type: 'leaveRequested', tellsGroup: group === 'leave' }, deadline)
  }

  #dispatch(event: Event): void {
    // Whatever happens, it happens to whoever speaks for the member: that is us from here on.
    this.#options.seat?.reclaim()
    this.#shell.dispatch(event)
  }

  #entered(state: State): void {
    this.#stallWatch.follow(state.name)
    if (state.name === 'joining') this.#shell.run(this.#learnSession())
    if (state.name === 'resting' || state.name === 'leaving' || this.#shell.isOver) {
      this.#heartbeats.stop()
    }
    if (this.#shell.isOver) this.#topics.close()
  }

  #perform(effect: Effect): void {
    const shell = this.#shell
    switch (effect.do) {
      case 'sendHeartbeat':
        return shell.run(this.#heartbeats.send(effect.ticket, effect.heartbeat))
      case 'setBeat':
        return this.#heartbeats.setDue(effect.afterMs)
      case 'confirmSession':
        this.#session.confirm(this.#heartbeats.sent, effect.isCalm)
        return this.#tellTimings()
      case 'stopSession':
        return this.#session.stop()
      case 'publishEpoch':
        return shell.tell('onStable', () => this.#handler.onStable())
      case 'callRevoked':
        this.#report.revoke(effect.partitions)
        return this.#callHook('onRevoked', effect.ticket, (deadline) =>
          this.#handler.onRevoked(effect.partitions, deadline),
        )
      case 'callAssigned':
        return this.#callHook('onAssigned', effect.ticket, () => this.#assign(effect.added))
      case 'reportReconciled': {
        const { stamp, assigned } = this
        if (stamp !== undefined) this.#report.tell(stamp, assigned)
        return
      }
      case 'lose':
        this.#report.lose(effect.partitions)
        return this.#tellLost(effect.partitions, effect.reason)
      case 'forgetCoordinator':
        return this.#cluster.forgetCoordinator('group', this.#options.groupId)
      case 'reportRefused': {
        const operation = `being a member of group "${this.#options.groupId}"`
        const { error } = effect
        this.#options.emitter.emit('stalled', { operation, message: operation, error })
        return
      }
      case 'reportFenced': {
        const { groupId, memberId } = this.#identity
        this.#options.emitter.emit('fenced', { groupId, memberId, reason: effect.reason })
        return
      }
      case 'sendLeave':
        return shell.run(this.#leaveGroup(effect.memberEpoch))
      case 'fail': {
        const error = explainRefusal(effect.error, this.#options)
        return shell.tell('onFatal', () => this.#handler.onFatal(error))
      }
    }
  }

  #callHook(name: string, ticket: number, call: (deadline: number) => Promise<void>): void {
    const intervalMs = this.#member?.heartbeatIntervalMs ?? 0
    const budgetMs = hookBudgetMs(this.#options.rebalanceTimeoutMs, intervalMs)
    const settled = (): void => this.#dispatch({ type: 'hookSettled', ticket })
    this.#shell.callHook({ name, budgetMs, settled }, call)
  }

  #tellLost(partitions: readonly AssignedPartition[], reason: string): void {
    this.#shell.tell('onLost', () => this.#handler.onLost(partitions, reason))
  }

  async #assign(added: readonly AssignedPartition[]): Promise<void> {
    await this.#handler.onAssigned(added.map((one) => ({ ...one, isById: true })))
    // What was lost while the hook ran is lost again, in case it was taken up after that.
    const gone = difference(added, this.#member?.owned ?? [])
    if (gone.length === 0) return
    this.#tellLost(gone, 'the membership ended while they were being assigned')
  }

  #answered(ticket: number, answer: HeartbeatAnswer): void {
    const { memberEpoch, heartbeatIntervalMs } = answer
    const assignment = assignmentOf(answer, (id) => this.#topics.nameOf(id))
    const chance = this.#shell.chance()
    const news = { ticket, memberEpoch, heartbeatIntervalMs, assignment }
    this.#dispatch({ type: 'answered', ...news, chance })
  }

  #refused(refusal: Refusal): void {
    this.#stallWatch.note(refusal.error)
    this.#dispatch({ type: 'refused', ...refusal, chance: this.#shell.chance() })
  }

  async #learnSession(): Promise<void> {
    const timeoutMs = await this.#timings.learnSession(this.#options.groupId)
    if (timeoutMs === undefined) return
    this.#session.timeoutMs = timeoutMs
    this.#lines.follow(this.#shell.state)
    this.#tellTimings()
  }

  #tellTimings(): void {
    const { groupId } = this.#options
    const heartbeatIntervalMs = this.#member?.heartbeatIntervalMs ?? 0
    const { timeoutMs: sessionTimeoutMs } = this.#session
    this.#timings.tell({ groupId, sessionTimeoutMs, heartbeatIntervalMs })
  }

  async #leaveGroup(memberEpoch: -1 | -2): Promise<void> {
    try {
      await sayGoodbye(this.#cluster, this.#identity, {
        memberEpoch,
        deadline: this.#shell.leaveBy,
        isMeant: () => this.#member === undefined,
      })
    } finally {
      this.#dispatch({ type: 'leaveSettled' })
    }
  }
}

/** Also of a member that is out of its group for now. */
function memberIn(state: State): Member | undefined {
  return 'member' in state ? state.member : undefined
}
