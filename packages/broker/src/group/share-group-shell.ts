/** Acts for one share group what its machine decides: keeps the sessions, writes snapshots. */
import type { Environment, Timer } from '@odradek/environment'
import { ErrorCode } from '@odradek/protocol'
import type { GroupView } from '../cluster/cluster-events.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { AnyGroupShell } from './group-shell.ts'
import type { StoredGroup } from './group-store.ts'
import { transition } from './share-group.machine.ts'
import type {
  Effect,
  Event,
  HeartbeatAnswer,
  HeartbeatEvent,
  Limits,
  State,
} from './share-group.ts'
import { viewOfShareGroup } from './share-group-view.ts'

export interface ShareShellOptions {
  readonly groupId: string
  readonly environment: Environment
  readonly limits: () => Limits
  readonly stored: StoredGroup
  readonly state: State
  readonly topics: () => TopicsImage
  readonly onStep: (before: State, after: State, cause: Event['type']) => void
  /** A member is gone, and with it its session with this broker. */
  readonly onMemberGone: (memberId: string, isLast: boolean) => void
}

export class ShareGroupShell implements AnyGroupShell {
  readonly kind = 'share'
  state: State
  readonly stored: StoredGroup
  readonly #options: ShareShellOptions
  readonly #sessions = new Map<string, Timer>()
  #initializing: Timer | undefined

  constructor(options: ShareShellOptions) {
    this.#options = options
    this.stored = options.stored
    this.state = options.state
    this.#dispatch({ type: 'loaded' })
  }

  get isEmpty(): boolean {
    return this.state.members.size === 0
  }

  shareHeartbeat(event: HeartbeatEvent): HeartbeatAnswer {
    const answer = this.#dispatch(event).find((effect) => effect.do === 'answer')?.answer
    if (answer === undefined) throw new Error('The group’s machine gave no answer.')
    return answer
  }

  /** Share groups have no committed offsets. */
  judgeCommit(): number {
    return ErrorCode.GROUP_ID_NOT_FOUND
  }

  judgeFetch(): number {
    return ErrorCode.NONE
  }

  committed(): void {}

  isSubscribed(topic: string): boolean {
    return [...this.state.members.values()].some((member) =>
      member.subscribedTopicNames.includes(topic),
    )
  }

  retentionStart(): undefined {
    return undefined
  }

  view(): GroupView {
    return viewOfShareGroup(this.#options.groupId, this.state, this.#options.topics())
  }

  delete(): void {
    this.#dispatch({ type: 'deleted' })
    this.vanish()
  }

  unload(): void {
    this.vanish()
  }

  vanish(): void {
    for (const memberId of [...this.#sessions.keys()]) this.#clearSession(memberId)
    this.#options.environment.timers.clear(this.#initializing)
    this.#initializing = undefined
  }

  #dispatch(event: Event): readonly Effect[] {
    const { limits, topics, onStep } = this.#options
    const before = this.state
    const step = transition(before, event, { limits: limits(), topics: topics() })
    this.state = step.state
    for (const effect of step.effects) this.#run(effect)
    onStep(before, step.state, event.type)
    return step.effects
  }

  #run(effect: Effect): void {
    const { environment, onMemberGone } = this.#options
    switch (effect.do) {
      case 'persist':
        this.stored.content = { kind: 'share', state: effect.snapshot }
        break
      case 'setSession': {
        const { memberId, afterMs } = effect
        this.#clearSession(memberId)
        const timer = environment.timers.set(afterMs, () => {
          this.#sessions.delete(memberId)
          this.#dispatch({ type: 'sessionExpired', memberId })
        })
        this.#sessions.set(memberId, timer)
        break
      }
      case 'initialize':
        this.#initializing ??= environment.timers.set(1, () => {
          this.#initializing = undefined
          this.#dispatch({ type: 'initialized' })
        })
        break
      case 'clearSession':
        this.#clearSession(effect.memberId)
        break
      case 'release':
        onMemberGone(effect.memberId, this.isEmpty)
        break
      case 'answer':
        break
    }
  }

  #clearSession(memberId: string): void {
    this.#options.environment.timers.clear(this.#sessions.get(memberId))
    this.#sessions.delete(memberId)
  }
}
