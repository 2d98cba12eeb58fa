/** Carries out what the machine of one share group decides: keeps sessions, writes snapshots. */

import { ErrorCode } from '@odradek/protocol'
import type { GroupView } from '../cluster/cluster-events.ts'
import type { AnyGroupShell, AssigningShellOptions } from './group-shell.ts'
import type { StoredGroup } from './group-store.ts'
import type { HeartbeatAnswer } from './heartbeat-answer.ts'
import { KeyedTimers } from './keyed-timers.ts'
import { transition } from './share-group.machine.ts'
import type { Effect, Event, HeartbeatEvent, Limits, State } from './share-group.ts'
import { viewOfShareGroup } from './share-group-view.ts'

export interface ShareShellOptions extends AssigningShellOptions<State, Limits, Event['type']> {
  /** A member was removed: its share session with this broker ends. */
  readonly onMemberGone: (memberId: string, isLast: boolean) => void
}

const INITIALIZING = 'initializing'

export class ShareGroupShell implements AnyGroupShell {
  readonly kind = 'share'
  state: State
  readonly stored: StoredGroup
  readonly #options: ShareShellOptions
  readonly #timers: KeyedTimers

  constructor(options: ShareShellOptions) {
    this.#options = options
    this.#timers = new KeyedTimers(options.environment)
    this.stored = options.stored
    this.state = options.state
    this.#dispatch({ type: 'loaded' })
  }

  get isEmpty(): boolean {
    return this.state.members.size === 0
  }

  shareHeartbeat(event: HeartbeatEvent): HeartbeatAnswer {
    const answer = this.#dispatch(event).find((effect) => effect.do === 'answer')?.answer
    if (answer === undefined) throw new Error("The group's machine returned no response.")
    return answer
  }

  /** Share groups have no committed offsets. */
  validateCommit(): number {
    return ErrorCode.GROUP_ID_NOT_FOUND
  }

  validateFetch(): number {
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
    this.discard()
  }

  unload(): void {
    this.discard()
  }

  discard(): void {
    this.#timers.clearAll()
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
    const { onMemberGone } = this.#options
    switch (effect.do) {
      case 'persist':
        this.stored.content = { kind: 'share', state: effect.snapshot }
        break
      case 'setSession': {
        const { memberId, afterMs } = effect
        const expire = () => void this.#dispatch({ type: 'sessionExpired', memberId })
        this.#timers.set(sessionKey(memberId), afterMs, expire)
        break
      }
      case 'clearSession':
        this.#timers.clear(sessionKey(effect.memberId))
        break
      case 'initialize':
        if (this.#timers.has(INITIALIZING)) break
        this.#timers.set(INITIALIZING, 1, () => void this.#dispatch({ type: 'initialized' }))
        break
      case 'release':
        onMemberGone(effect.memberId, this.isEmpty)
        break
      case 'answer':
        break
    }
  }
}

function sessionKey(memberId: string): string {
  return `session ${memberId}`
}
