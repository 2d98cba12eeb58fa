/**
 * The shell around the KIP-848 membership machine: it does what the machine decides (heartbeats,
 * hooks, timers) and feeds back what comes of it. Every step goes through `#dispatch`, one at a
 * time, whoever calls from inside a hook.
 */
import type { Timer } from '@odradek/environment'
import { consumerGroupHeartbeat, KafkaError, type ResponseOf } from '@odradek/protocol'
import type { Cluster } from '../../../cluster/index.ts'
import { TimeoutError } from '../../../errors/errors.ts'
import { throwIfError } from '../../../errors/reaction.ts'
import type { ClientEvents } from '../../../events/client-events.ts'
import type { TypedEmitter } from '../../../events/emitter.ts'
import type { Seat } from '../../liveness/seat.ts'
import type {
  AssignedPartition,
  LeaveOptions,
  Membership,
  MembershipHandler,
  MembershipStamp,
} from '../membership.ts'
import { StallWatch } from '../stall-watch.ts'
import { assignmentOf, heartbeatBody, type HeartbeatIdentity } from './consumer-requests.ts'
import { explainRefusal } from './explain-refusal.ts'
import { sayGoodbye } from './goodbye.ts'
import { uuidOf } from './member-id.ts'
import { transition } from './membership-consumer.machine.ts'
import { difference } from './membership-consumer.moves.ts'
import {
  type Effect,
  type Event,
  type Heartbeat,
  type Member,
  newMember,
  type State,
} from './membership-consumer.states.ts'
import { type Moment, Session } from './session.ts'
import { DEFAULT_SESSION_TIMEOUT_MS, describeSessionTimeout } from './session-timeout.ts'
import { TopicNames } from './topic-names.ts'
import { UnderstudyLines } from './understudy-lines.ts'

export interface ConsumerMembershipOptions {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly rebalanceTimeoutMs: number
  readonly topics: readonly string[]
  /** Topics by a pattern that the broker resolves (RE2), beside those by name; null for none. */
  readonly topicPattern: string | null
  /** The broker's assignor; null leaves the choice to it. */
  readonly groupRemoteAssignor: string | null
  readonly clientRack: string | null
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

/** Hooks end by themselves, in their time; only a member that is not counted in may be stuck. */
const IN_WORDS_OF_STALLS = {
  unjoined: 'unjoined',
  joining: 'joining',
  stable: 'stable',
  reconciling: 'stable',
  resting: 'unjoined',
  leaving: 'leaving',
  left: 'left',
  failed: 'failed',
} as const

export class ConsumerMembership implements Membership {
  readonly #cluster: Cluster
  readonly #options: ConsumerMembershipOptions
  readonly #handler: MembershipHandler
  readonly #identity: HeartbeatIdentity
  readonly #session: Session
  readonly #lines: UnderstudyLines
  readonly #names: TopicNames
  readonly #stallWatch: StallWatch
  readonly #timers = new Set<Timer>()
  readonly #events: Event[] = []
  readonly #left: Promise<void>
  #resolveLeft: () => void = () => undefined
  #state: State
  #isStepping = false
  #beatTimer: Timer | undefined
  #answerTimer: Timer | undefined
  /** When the newest heartbeat was sent. */
  #sent: Moment = { at: 0, byWall: 0, term: 0 }
  #needed: readonly string[] = []
  #found: readonly string[] = []
  #releaseTopics: () => void = () => undefined
  #revoked: readonly AssignedPartition[] = []
  #lost: readonly AssignedPartition[] = []
  #leaveDeadline = 0
  /**
   * Since when the coordinator has refused us our group instance id, as another's. Anything else in
   * between may be another coordinator, with which the other's session begins anew.
   */
  #heldSince: number | undefined
  /** What people were told last. */
  #timings = ''

  constructor(cluster: Cluster, options: ConsumerMembershipOptions, handler: MembershipHandler) {
    this.#cluster = cluster
    this.#options = options
    this.#handler = handler
    const memberId = uuidOf(cluster.environment.random.bytes(16))
    const { groupId, groupInstanceId, rebalanceTimeoutMs, clientRack, seat } = options
    this.#identity = {
      ...{ groupId, groupInstanceId, memberId, rebalanceTimeoutMs, clientRack },
      remoteAssignor: options.groupRemoteAssignor,
    }
    const { retryBackoffMs, retryBackoffMaxMs } = cluster.options
    this.#state = {
      name: 'unjoined',
      member: newMember({
        settings: { retryBackoffMs, retryBackoffMaxMs },
        subscription: { topics: options.topics, pattern: options.topicPattern },
        memberId,
        isStatic: options.groupInstanceId !== null,
      }),
    }
    this.#left = new Promise((resolve) => {
      this.#resolveLeft = resolve
    })
    const timings = { timeoutMs: DEFAULT_SESSION_TIMEOUT_MS, rebalanceTimeoutMs }
    this.#session = new Session(cluster.environment, timings, {
      seat,
      onDoubt: () => this.#dispatch({ type: 'checkWanted' }),
      onCertain: () => this.#tell('onStable', () => this.#handler.onStable()),
      onExpired: () => this.#dispatch({ type: 'sessionExpired', chance: this.#chance() }),
    })
    this.#lines = new UnderstudyLines(seat, this.#identity, this.#session)
    seat?.onTakenBack((memberEpoch) => this.#dispatch({ type: 'takenBack', memberEpoch }))
    this.#names = new TopicNames(cluster, {
      onLearned: (names) => this.#dispatch({ type: 'namesLearned', names }),
      onFound: (names) => {
        this.#found = names
        this.#needTopics()
      },
    })
    this.#stallWatch = new StallWatch(cluster.environment, options, options.emitter)
    this.#needTopics()
  }

  start(): void {
    const { metadata } = this.#cluster
    if (!this.#needed.every((name) => metadata.topics.has(name))) {
      // The first answer names topics by their ids; meanwhile their names can be learned.
      this.#cluster.refreshMetadata('a consumer joins').catch(() => undefined)
    }
    this.#dispatch({ type: 'started' })
  }

  get stamp(): MembershipStamp | undefined {
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
    const state = this.#state
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

  handleStampRefused(error: KafkaError, stamp: MembershipStamp): void {
    this.#stallWatch.note(error)
    const { memberId, generationIdOrMemberEpoch: memberEpoch } = stamp
    const chance = this.#chance()
    this.#dispatch({ type: 'memberRefused', memberId, memberEpoch, error, chance })
  }

  isSessionAlive(): boolean {
    return this.#session.isAlive()
  }

  rest({ group, reason }: Pick<LeaveOptions, 'group' | 'reason'>): void {
    const { environment, options } = this.#cluster
    this.#leaveDeadline = environment.clock.monotonic() + options.requestTimeoutMs
    this.#dispatch({ type: 'restRequested', tellsGroup: group === 'leave', reason })
  }

  leave(options: LeaveOptions): Promise<void> {
    this.#leaveDeadline = options.deadline
    this.#dispatch({ type: 'leaveRequested', tellsGroup: options.group === 'leave' })
    return this.#left
  }

  #chance(): number {
    return this.#cluster.environment.random.fraction()
  }

  /** The one place where anything happens. */
  #dispatch(event: Event): void {
    // Whatever happens, it happens to whoever speaks for the member: that is us from here on.
    this.#options.seat?.reclaim()
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
        this.#lines.follow(state)
        if (state.name !== from.name) this.#entered(state)
        if (state !== from) this.#needTopics()
      }
    } finally {
      this.#isStepping = false
    }
  }

  get #isOver(): boolean {
    return this.#state.name === 'left' || this.#state.name === 'failed'
  }

  #entered(state: State): void {
    const { timers } = this.#cluster.environment
    this.#stallWatch.follow(IN_WORDS_OF_STALLS[state.name])
    if (state.name === 'joining') this.#run(this.#learnSessionTimeout())
    if (state.name === 'resting' || state.name === 'leaving' || this.#isOver) {
      for (const timer of this.#timers) timers.clear(timer)
      this.#timers.clear()
      timers.clear(this.#beatTimer)
      timers.clear(this.#answerTimer)
    }
    if (this.#isOver) this.#names.close()
    if (state.name === 'leaving') {
      this.#setTimer(this.#leaveDeadline, () => this.#dispatch({ type: 'leaveSettled' }))
    }
    if (state.name === 'left') this.#resolveLeft()
  }

  /** Keeps what is subscribed to, assigned, or about to be, in the metadata. */
  #needTopics(): void {
    const member = 'member' in this.#state ? this.#state.member : undefined
    let names: readonly string[] = []
    if (member !== undefined && !this.#isOver) {
      const unnamed = member.target.filter(({ topic }) => topic === undefined)
      this.#names.want([...new Set(unnamed.map(({ topicId }) => topicId))])
      if (unnamed.length === 0) this.#found = []
      const assigned = [...member.owned, ...member.target].flatMap(({ topic }) => topic ?? [])
      names = [...new Set([...member.subscription.topics, ...assigned, ...this.#found])].sort()
    }
    if (names.join() === this.#needed.join()) return
    const release = this.#releaseTopics
    this.#needed = names
    this.#releaseTopics = this.#cluster.needTopics(names)
    release()
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
    const { timers } = this.#cluster.environment
    switch (effect.do) {
      case 'sendHeartbeat':
        timers.clear(this.#beatTimer)
        return this.#run(this.#sendHeartbeat(effect.ticket, effect.heartbeat))
      case 'setBeat':
        timers.clear(this.#beatTimer)
        this.#beatTimer = timers.set(effect.afterMs, () => this.#dispatch({ type: 'beatDue' }))
        return
      case 'confirmSession':
        this.#session.confirm(this.#sent, effect.isCalm)
        return this.#tellTimings()
      case 'stopSession':
        return this.#session.stop()
      case 'publishEpoch':
        return this.#tell('onStable', () => this.#handler.onStable())
      case 'callRevoked':
        this.#revoked = [...this.#revoked, ...effect.partitions]
        return this.#callHook(effect.ticket, 'onRevoked', (deadline) =>
          this.#handler.onRevoked(effect.partitions, deadline),
        )
      case 'callAssigned':
        return this.#callHook(effect.ticket, 'onAssigned', () => this.#assign(effect.added))
      case 'reportReconciled':
        return this.#reportReconciled()
      case 'lose':
        this.#lost = [...this.#lost, ...effect.partitions]
        return this.#tell('onLost', () => this.#handler.onLost(effect.partitions, effect.reason))
      case 'forgetCoordinator':
        return this.#cluster.forgetCoordinator('group', this.#options.groupId)
      case 'reportRefused': {
        const what = `being a member of group "${this.#options.groupId}"`
        this.#options.emitter.emit('stalled', { what, error: effect.error })
        return
      }
      case 'reportFenced': {
        const { groupId, memberId } = this.#identity
        this.#options.emitter.emit('fenced', { groupId, memberId, reason: effect.reason })
        return
      }
      case 'sendLeave':
        return this.#run(this.#leaveGroup(effect.memberEpoch))
      case 'fail': {
        const error = explainRefusal(effect.error, this.#options)
        return this.#tell('onFatal', () => this.#handler.onFatal(error))
      }
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
  #callHook(ticket: number, name: string, call: (deadline: number) => Promise<void>): void {
    const { clock, timers } = this.#cluster.environment
    const deadline = clock.monotonic() + this.#hookBudgetMs
    let isSettled = false
    const settle = (): void => {
      if (isSettled) return
      isSettled = true
      timers.clear(timer)
      this.#timers.delete(timer)
      this.#dispatch({ type: 'hookSettled', ticket })
    }
    const timer = this.#setTimer(deadline, settle)
    const run = async (): Promise<void> => call(deadline)
    run().then(settle, (error: unknown) => {
      this.#report(name, error)
      settle()
    })
  }

  /** The coordinator's clock runs since it answered, and it has to hear of the end in time. */
  get #hookBudgetMs(): number {
    const { rebalanceTimeoutMs } = this.#options
    const intervalMs = this.#member?.heartbeatIntervalMs ?? 0
    return Math.max(rebalanceTimeoutMs / 2, rebalanceTimeoutMs - 2 * intervalMs)
  }

  async #assign(added: readonly AssignedPartition[]): Promise<void> {
    await this.#handler.onAssigned(added)
    // What was lost while the hook ran is lost again, in case it was taken up after that.
    const gone = difference(added, this.#member?.owned ?? [])
    if (gone.length === 0) return
    const reason = 'the membership ended while they were being assigned'
    this.#tell('onLost', () => this.#handler.onLost(gone, reason))
  }

  #reportReconciled(): void {
    const { stamp, assigned } = this
    if (stamp === undefined) return
    const { groupId, memberId, generationIdOrMemberEpoch: generationId } = stamp
    const [revoked, lost] = [this.#revoked, this.#lost]
    this.#revoked = []
    this.#lost = []
    const { emitter } = this.#options
    emitter.emit('rebalanced', { groupId, memberId, generationId, assigned, revoked, lost })
  }

  async #sendHeartbeat(ticket: number, heartbeat: Heartbeat): Promise<void> {
    const { environment, options } = this.#cluster
    const { groupId } = this.#options
    const timeoutMs = Math.min(options.requestTimeoutMs, Math.ceil(this.#session.timeoutMs / 3))
    this.#sent = this.#session.sending()
    // The deadline covers finding the coordinator and connecting to it, too.
    environment.timers.clear(this.#answerTimer)
    this.#answerTimer = environment.timers.set(timeoutMs, () =>
      environment.timers.soon(() => {
        const text = `The coordinator of group "${groupId}" did not answer within ${timeoutMs} ms.`
        this.#refused(ticket, new TimeoutError(text))
      }),
    )
    let answer: ResponseOf<typeof consumerGroupHeartbeat>
    try {
      answer = await this.#cluster.requestCoordinator(
        'group',
        groupId,
        consumerGroupHeartbeat,
        heartbeatBody(this.#identity, heartbeat),
        { purpose: 'heartbeat', timeoutMs },
      )
      throwIfError(answer.errorCode, `be a member of group "${groupId}"`, answer.errorMessage)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.#refused(ticket, error)
      return
    }
    this.#answered(ticket, answer)
  }

  #answered(ticket: number, answer: ResponseOf<typeof consumerGroupHeartbeat>): void {
    this.#settleAnswer(ticket)
    const { memberEpoch, heartbeatIntervalMs } = answer
    const assignment = assignmentOf(answer, (id) => this.#names.nameOf(id))
    this.#dispatch({
      type: 'answered',
      chance: this.#chance(),
      ...{ ticket, memberEpoch, heartbeatIntervalMs, assignment },
    })
  }

  #refused(ticket: number, error: KafkaError): void {
    this.#settleAnswer(ticket)
    this.#stallWatch.note(error)
    const now = this.#cluster.environment.clock.monotonic()
    if (error.code === 'UNRELEASED_INSTANCE_ID') this.#heldSince ??= now
    else this.#heldSince = undefined
    // The last try must come after the session of whoever was there before.
    const sessionMs = this.#session.timeoutMs + 2 * this.#cluster.options.retryBackoffMaxMs
    const hasWaitedForSession = now - (this.#heldSince ?? now) > sessionMs
    const chance = this.#chance()
    this.#dispatch({ type: 'refused', ticket, error, hasWaitedForSession, chance })
  }

  #settleAnswer(ticket: number): void {
    if (this.#member?.beat.ticket !== ticket) return
    this.#cluster.environment.timers.clear(this.#answerTimer)
  }

  async #learnSessionTimeout(): Promise<void> {
    const { groupId } = this.#options
    const timeoutMs = await describeSessionTimeout(this.#cluster, groupId).catch(() => undefined)
    if (timeoutMs === undefined) return
    this.#session.timeoutMs = timeoutMs
    this.#lines.follow(this.#state)
    this.#tellTimings()
  }

  #tellTimings(): void {
    const heartbeatIntervalMs = this.#member?.heartbeatIntervalMs ?? 0
    const { timeoutMs: sessionTimeoutMs } = this.#session
    const timings = `${sessionTimeoutMs} ${heartbeatIntervalMs}`
    if (heartbeatIntervalMs === 0 || timings === this.#timings) return
    this.#timings = timings
    const { groupId, emitter } = this.#options
    emitter.emit('groupTimings', { groupId, sessionTimeoutMs, heartbeatIntervalMs })
  }

  async #leaveGroup(memberEpoch: -1 | -2): Promise<void> {
    try {
      await sayGoodbye(this.#cluster, this.#identity, {
        memberEpoch,
        deadline: this.#leaveDeadline,
        isMeant: () => this.#member === undefined,
      })
    } finally {
      this.#dispatch({ type: 'leaveSettled' })
    }
  }
}
