/**
 * Membership by whichever protocol fits, decided at the first join and kept. Until then there is
 * nothing to speak for; what is asked of it meanwhile is passed on once it is decided.
 */
import type { KafkaError } from '@odradek/protocol'
import { type Cluster, retryPauseMs } from '../cluster/index.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import {
  type ChosenProtocol,
  chooseProtocol,
  type GroupProtocol,
  mayPass,
} from './shell/group-protocol.ts'
import { StallWatch } from './shell/stall-watch.ts'
import type {
  AssignedPartition,
  LeaveOptions,
  Membership,
  ConsumerGroupMetadata,
} from './shell/membership.ts'

export interface AutoMembershipOptions {
  readonly groupId: string
  readonly rebalanceTimeoutMs: number
  readonly emitter: TypedEmitter<ClientEvents>
  readonly make: (protocol: GroupProtocol) => Membership
}

type Resting = Membership & {
  rest?(options: Pick<LeaveOptions, 'group' | 'reason'>): void
}

export class AutoMembership implements Membership {
  readonly #cluster: Cluster
  readonly #options: AutoMembershipOptions
  readonly #stallWatch: StallWatch
  readonly #isOver = new AbortController()
  #chosen: Resting | undefined
  #isChoosing = false
  #topics: readonly string[] | undefined

  constructor(cluster: Cluster, options: AutoMembershipOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#stallWatch = new StallWatch(cluster.environment, options, options.emitter)
  }

  start(): void {
    if (this.#chosen !== undefined) {
      this.#chosen.start()
      return
    }
    if (this.#isChoosing || this.#isOver.signal.aborted) return
    this.#isChoosing = true
    this.#stallWatch.follow('joining')
    this.#choose()
      .catch((error: unknown) => {
        this.#options.emitter.emit('listenerError', { event: 'membership', error })
      })
      .finally(() => {
        this.#isChoosing = false
        this.#stallWatch.follow('left')
      })
  }

  async #choose(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const chosen = await this.#attempt()
      if (this.#isOver.signal.aborted || this.#cluster.isClosed) return
      if (chosen !== undefined) {
        this.#take(chosen)
        return
      }
      const { signal } = this.#isOver
      await this.#cluster.sleep(retryPauseMs(this.#cluster, tries), signal)
    }
  }

  async #attempt(): Promise<ChosenProtocol | undefined> {
    const { groupId } = this.#options
    try {
      return await chooseProtocol(this.#cluster, groupId)
    } catch (error) {
      if (mayPass(error)) {
        this.#stallWatch.note(error as KafkaError)
        this.#cluster.forgetCoordinator('group', groupId)
        return undefined
      }
      const text = error instanceof Error ? error.message : String(error)
      return { protocol: 'classic', reason: `what the group speaks cannot be told: ${text}` }
    }
  }

  #take({ protocol, reason }: ChosenProtocol): void {
    const { groupId, emitter, make } = this.#options
    emitter.emit('groupProtocolChosen', { groupId, protocol, reason })
    this.#chosen = make(protocol)
    if (this.#topics !== undefined) this.#chosen.setTopics(this.#topics)
    this.#chosen.start()
  }

  get stamp(): ConsumerGroupMetadata | undefined {
    return this.#chosen?.stamp
  }

  get assigned(): readonly AssignedPartition[] {
    return this.#chosen?.assigned ?? []
  }

  setTopics(topics: readonly string[]): void {
    this.#topics = topics
    this.#chosen?.setTopics(topics)
  }

  rejoin(reason: string): void {
    this.#chosen?.rejoin(reason)
  }

  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void {
    this.#chosen?.handleStampRefused(error, stamp)
  }

  isSessionAlive(now?: number): boolean {
    return this.#chosen?.isSessionAlive(now) ?? false
  }

  rest(options: Pick<LeaveOptions, 'group' | 'reason'>): void {
    this.#chosen?.rest?.(options)
  }

  async leave(options: LeaveOptions): Promise<void> {
    this.#isOver.abort()
    this.#stallWatch.follow('left')
    await this.#chosen?.leave(options)
  }
}
