/**
 * A typed emitter whose listeners cannot hurt: what one throws is reported as `listenerError` and
 * ignored otherwise, and an event without listeners costs one look-up.
 */
import { didYouMean } from '@odradek/protocol'
import { UsageError } from '../errors/errors.ts'

export type Listener<T> = (event: T) => void

export type UnheardListener<Events> = <K extends keyof Events>(name: K, event: Events[K]) => void

/** What the outermost emitter does for all that are made from it. */
export interface EmitterRoot<Events> {
  /** The events that there are; others are refused. Without it any name will do. */
  readonly names?: readonly (keyof Events)[] | undefined
  /** Hears what nobody listens to. */
  readonly onUnheard?: UnheardListener<Events> | undefined
  /** Gets every event, listened to or not. */
  readonly publish?: UnheardListener<Events> | undefined
}

/** Events of other clients, of Node's own emitters, and of Odradek 0.1. */
const FOREIGN_EVENTS = new Map([
  [
    'error',
    'Errors reject the call that they are of; what no call waits for is reported as "stalled", ' +
      '"connectionFailed", "deliveryFailed" or "runFailed".',
  ],
  ['connect', 'There is nothing to wait for: the first use connects.'],
  ['disconnect', 'Connections that break are reported as "connectionFailed".'],
  ['storm', 'It is "rebalanceStorm" now.'],
  ['marksDropped', 'It is "staleMarksIgnored" now.'],
  ['watchdog', 'It is "partitionProgress" now, with "status" and "action".'],
  ['groupTimings', 'It is "brokerGroupConfig" now.'],
  ['deliveryGap', 'It is "deliveryTimedOut" now.'],
  ['understudyOff', 'It is "heartbeatThreadUnavailable" now.'],
  ['rebalance', 'Listen to "rebalanced", or give onAssigned and onRevoked to kafka.consumer(...).'],
])

export class TypedEmitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()
  readonly #parent: TypedEmitter<Events> | undefined
  readonly #root: EmitterRoot<Events>

  /** What a part of a client emits its client emits too: the parent hears everything. */
  constructor(parent?: TypedEmitter<Events>, root: EmitterRoot<Events> = {}) {
    this.#parent = parent
    this.#root = parent === undefined ? root : parent.#root
  }

  /**
   * Calls `listener` at every such event; the answer takes it off again.
   *
   * @throws UsageError when there is no such event, or the listener is no function.
   */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    this.#refuseMistakes(name, listener)
    let set = this.#listeners.get(name)
    if (set === undefined) {
      set = new Set()
      this.#listeners.set(name, set)
    }
    set.add(listener)
    return () => this.off(name, listener)
  }

  #refuseMistakes(name: keyof Events, listener: unknown): void {
    const { names } = this.#root
    if (names !== undefined && !names.includes(name)) {
      const hint =
        FOREIGN_EVENTS.get(String(name)) ??
        (didYouMean(String(name), names.map(String)) ||
          'node_modules/odradek/docs/events.md lists all of them.')
      throw new UsageError(`There is no event "${String(name)}". ${hint}`)
    }
    if (typeof listener === 'function') return
    throw new UsageError(`on("${String(name)}", ...) takes a function that is called at the event.`)
  }

  off<K extends keyof Events>(name: K, listener: Listener<Events[K]>): void {
    this.#listeners.get(name)?.delete(listener)
  }

  hasListeners(name: keyof Events): boolean {
    if ((this.#listeners.get(name)?.size ?? 0) > 0) return true
    return this.#parent?.hasListeners(name) ?? false
  }

  /** For those who watch from outside alone: whoever listens here was told, or will be. */
  publish<K extends keyof Events>(name: K, event: Events[K]): void {
    this.#root.publish?.(name, event)
  }

  emit<K extends keyof Events>(name: K, event: Events[K], wasHeard = false): void {
    const listeners = [...(this.#listeners.get(name) ?? [])]
    for (const listener of listeners) {
      try {
        ;(listener as Listener<Events[K]>)(event)
      } catch (error) {
        if (name !== 'listenerError') {
          this.emit('listenerError' as K, { event: String(name), error } as Events[K])
        }
      }
    }
    const isHeard = wasHeard || listeners.length > 0
    if (this.#parent !== undefined) {
      this.#parent.emit(name, event, isHeard)
      return
    }
    this.#root.publish?.(name, event)
    if (!isHeard) this.#root.onUnheard?.(name, event)
  }
}
