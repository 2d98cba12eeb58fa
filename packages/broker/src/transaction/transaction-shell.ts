/**
 * Carries out what the machine of one transactional id decides: keeps the timeout, writes the
 * markers in a turn of their own (and repeats until every participant has one), stores every step.
 */
import type { Timer } from '@odradek/environment'
import type { BrokerContext } from '../cluster/broker-context.ts'
import type { TransactionView } from '../cluster/cluster-events.ts'
import { transition } from './transaction.machine.ts'
import type { Answer, Effect, Event, State } from './transaction.ts'
import { writeMarkers } from './transaction-markers.ts'
import type { TransactionStore } from './transaction-store.ts'
import { viewOfTransaction } from './transaction-view.ts'

const MARKER_RETRY_MS = 100

export interface TransactionShellOptions {
  readonly transactionalId: string
  readonly store: TransactionStore
  /** Called when something is stored, which may expire one day. */
  readonly onKept: () => void
}

export class TransactionShell {
  readonly #broker: BrokerContext
  readonly #store: TransactionStore
  readonly #transactionalId: string
  readonly #coordinatorEpoch: number
  readonly #onKept: () => void
  #timeout: Timer | undefined
  #markers: Timer | undefined

  constructor(broker: BrokerContext, { transactionalId, store, onKept }: TransactionShellOptions) {
    this.#broker = broker
    this.#store = store
    this.#onKept = onKept
    this.#transactionalId = transactionalId
    const stored = store.get(transactionalId)
    if (stored !== undefined) stored.coordinatorEpoch++
    this.#coordinatorEpoch = stored?.coordinatorEpoch ?? 0
    if (stored === undefined) return
    this.#dispatch({ type: 'loaded' })
    onKept()
  }

  /** Undefined before the id was initialised. */
  get state(): State | undefined {
    return this.#store.get(this.#transactionalId)?.state
  }

  view(): TransactionView | undefined {
    const { state } = this
    return state === undefined ? undefined : viewOfTransaction(this.#transactionalId, state)
  }

  ask(event: Event): Answer {
    const found = this.#dispatch(event).find((effect) => effect.do === 'answer')
    if (found === undefined) throw new Error("The transaction's machine returned no response.")
    return found.answer
  }

  /** Removes the id if it was unused for that time. False while it is kept. */
  expire(afterMs: number): boolean {
    const { cluster } = this.#broker
    const stored = this.#store.get(this.#transactionalId)
    if (stored === undefined) return true
    if (cluster.now() - stored.updatedAt >= afterMs) this.#dispatch({ type: 'expired' })
    return this.state === undefined
  }

  /** Another broker coordinates it from now on, or the process has ended. */
  discard(): void {
    const { timers } = this.#broker.environment
    timers.clear(this.#timeout)
    timers.clear(this.#markers)
  }

  #dispatch(event: Event): readonly Effect[] {
    const { cluster, nodeId } = this.#broker
    const before = this.state
    const { state, effects } = transition(before, event, {
      now: cluster.now(),
      freshProducerId: cluster.peekProducerId(),
    })
    if (state !== undefined && state !== before) {
      this.#store.put(this.#transactionalId, state, cluster.now())
      this.#onKept()
    }
    if (state === undefined && before !== undefined) this.#forget(before)
    for (const effect of effects) this.#run(effect)
    if (state !== undefined && (state !== before || event.type === 'loaded')) {
      const view = viewOfTransaction(this.#transactionalId, state)
      cluster.events.emit('transaction', { ...view, at: cluster.now(), nodeId, cause: event.type })
    }
    return effects
  }

  #forget(before: State): void {
    const { cluster, nodeId } = this.#broker
    this.#store.delete(this.#transactionalId)
    const view = viewOfTransaction(this.#transactionalId, before)
    const at = cluster.now()
    cluster.events.emit('transaction', { ...view, state: 'Dead', at, nodeId, cause: 'expired' })
  }

  #run(effect: Effect): void {
    const { environment, cluster } = this.#broker
    const { timers } = environment
    switch (effect.do) {
      case 'takeProducerId':
        cluster.nextProducerId()
        break
      case 'setTimeout':
        timers.clear(this.#timeout)
        this.#timeout = timers.set(effect.afterMs, () => void this.#dispatch({ type: 'timedOut' }))
        break
      case 'clearTimeout':
        timers.clear(this.#timeout)
        break
      case 'writeMarkers':
        this.#writeMarkersAfter(cluster.options.transactionMarkersMs)
        break
      case 'answer':
        break
    }
  }

  #writeMarkersAfter(delayMs: number): void {
    this.#markers = this.#broker.environment.timers.set(delayMs, () => this.#writeMarkers())
  }

  #writeMarkers(): void {
    const { state } = this
    if (state === undefined) return
    const { phase, producerId, producerEpoch, isSecondVersion } = state
    if (phase.name !== 'PrepareCommit' && phase.name !== 'PrepareAbort') return
    const keys = writeMarkers(this.#broker.cluster, phase.participants, {
      type: phase.name === 'PrepareCommit' ? 'commit' : 'abort',
      producerId,
      producerEpoch,
      coordinatorEpoch: this.#coordinatorEpoch,
      transactionVersion: isSecondVersion ? 2 : 1,
    })
    if (keys.length < phase.participants.size) this.#writeMarkersAfter(MARKER_RETRY_MS)
    this.#dispatch({ type: 'markersWritten', keys })
  }
}
