/**
 * What stands around the machine of a membership, whatever protocol it speaks. The machine decides;
 * its membership performs what it decided (requests, hooks, pauses) and feeds back what comes of
 * it. Here is how that is done without surprises:
 *
 * - events are taken one at a time, whoever calls from inside of a hook or a listener;
 * - timers are set for a moment of the monotonic clock, and call after input that has arrived was
 *   read, because a loop that was blocked runs late timers first; they end with the membership;
 * - a hook has a deadline: the membership goes on when it is through, or when its time is up;
 * - work ends in events, and what escapes it is told, as is what a hook or a listener throws;
 * - leaving ends when the group was told, or at its deadline.
 */
import type { Environment, Timer } from '@odradek/environment'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'

/** Machines that have one of these call it so. In the first four a member is out of its group. */
type Named = { readonly name: string }
const AWAY: ReadonlySet<string> = new Set(['resting', 'leaving', 'left', 'failed'])

export interface TracedStep<State, Event, Effect> {
  /** By the monotonic clock. */
  readonly at: number
  readonly from: State
  readonly event: Event
  readonly to: State
  readonly effects: readonly Effect[]
}

export interface MembershipMachine<State, Event, Effect> {
  readonly initial: State
  transition(
    state: State,
    event: Event,
  ): { readonly state: State; readonly effects: readonly Effect[] }
  perform(effect: Effect): void
  /** It is in a state of another name now, and all effects are performed. */
  entered?(state: State): void
  /** A step is done. */
  stepped?(state: State, from: State): void
  /** The group was told that this member leaves, or it was given up to tell it. */
  readonly leaveSettled: Event
  /** Hears every step. */
  readonly onStep?: ((step: TracedStep<State, Event, Effect>) => void) | undefined
}

export interface Hook {
  readonly name: string
  readonly budgetMs: number
  /** It is through, or its time is up. */
  settled(): void
}

export class MemberShell<State extends Named, Event, Effect> {
  readonly #environment: Environment
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #machine: MembershipMachine<State, Event, Effect>
  readonly #timers = new Set<Timer>()
  readonly #events: Event[] = []
  readonly #left: Promise<void>
  #resolveLeft: () => void = () => undefined
  #isStepping = false
  #state: State
  /** Until when leaving may take, by the monotonic clock. */
  leaveBy = 0

  constructor(
    environment: Environment,
    emitter: TypedEmitter<ClientEvents>,
    machine: MembershipMachine<State, Event, Effect>,
  ) {
    this.#environment = environment
    this.#emitter = emitter
    this.#machine = machine
    this.#state = machine.initial
    this.#left = new Promise((resolve) => {
      this.#resolveLeft = resolve
    })
  }

  get state(): State {
    return this.#state
  }

  /** Over for good. */
  get isOver(): boolean {
    return this.#state.name === 'left' || this.#state.name === 'failed'
  }

  /** In [0, 1): what a machine needs of chance comes with the event. */
  chance(): number {
    return this.#environment.random.fraction()
  }

  /** The one place where anything happens. */
  dispatch(event: Event): void {
    this.#events.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        this.#step(next)
      }
    } finally {
      this.#isStepping = false
    }
  }

  #step(event: Event): void {
    const machine = this.#machine
    const from = this.#state
    const { state, effects } = machine.transition(from, event)
    this.#state = state
    const at = this.#environment.clock.monotonic()
    machine.onStep?.({ at, from, event, to: state, effects })
    for (const effect of effects) machine.perform(effect)
    if (state.name !== from.name) {
      if (AWAY.has(state.name)) this.#clearTimers()
      machine.entered?.(state)
      if (state.name === 'leaving') this.#settleLeaveAt(this.leaveBy)
      if (state.name === 'left') this.#resolveLeft()
    }
    machine.stepped?.(state, from)
  }

  /** Resolves when the membership is over. Whoever asks again may be in more of a hurry. */
  leave(request: Event, deadline: number): Promise<void> {
    this.leaveBy = deadline
    if (this.#state.name === 'leaving') this.#settleLeaveAt(deadline)
    this.dispatch(request)
    return this.#left
  }

  #settleLeaveAt(deadline: number): void {
    this.setTimer(deadline, () => this.dispatch(this.#machine.leaveSettled))
  }

  /**
   * Calls back at a moment of the monotonic clock, unless the member is out of its group by then.
   */
  setTimer(at: number, callback: () => void): Timer {
    const { timers, clock } = this.#environment
    const timer = timers.set(Math.max(0, at - clock.monotonic()), () => {
      this.#timers.delete(timer)
      timers.soon(callback)
    })
    this.#timers.add(timer)
    return timer
  }

  #clearTimers(): void {
    for (const timer of this.#timers) this.#environment.timers.clear(timer)
    this.#timers.clear()
  }

  callHook(hook: Hook, call: (deadline: number) => Promise<void>): void {
    const { clock, timers } = this.#environment
    const deadline = clock.monotonic() + hook.budgetMs
    let isSettled = false
    const settle = (): void => {
      if (isSettled) return
      isSettled = true
      timers.clear(timer)
      this.#timers.delete(timer)
      hook.settled()
    }
    const timer = this.setTimer(deadline, settle)
    const run = async (): Promise<void> => call(deadline)
    run().then(settle, (error: unknown) => {
      this.#report(hook.name, error)
      settle()
    })
  }

  /** Requests end in events; what escapes them is a mistake of ours and must not go unheard. */
  run(work: Promise<void>): void {
    work.catch((error: unknown) => this.#report('membership', error))
  }

  /** Calls what does not have to be waited for. */
  tell(name: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#report(name, error)
    }
  }

  #report(event: string, error: unknown): void {
    this.#emitter.emit('listenerError', { event, error })
  }
}
