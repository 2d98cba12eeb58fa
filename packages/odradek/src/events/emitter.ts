/**
 * A typed emitter whose listeners cannot hurt: what one throws is reported as `listenerError` and
 * ignored otherwise, and an event without listeners costs one look-up.
 */
export type Listener<T> = (event: T) => void

export type UnheardListener<Events> = <K extends keyof Events>(name: K, event: Events[K]) => void

export class TypedEmitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()
  readonly #parent: TypedEmitter<Events> | undefined
  readonly #onUnheard: UnheardListener<Events> | undefined

  /**
   * What a part of a client emits its client emits too: the parent hears everything. What nobody
   * listens to goes to `onUnheard` of the outermost one.
   */
  constructor(parent?: TypedEmitter<Events>, onUnheard?: UnheardListener<Events>) {
    this.#parent = parent
    this.#onUnheard = onUnheard
  }

  /** Calls `listener` at every such event; the answer takes it off again. */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    let set = this.#listeners.get(name)
    if (set === undefined) {
      set = new Set()
      this.#listeners.set(name, set)
    }
    set.add(listener)
    return () => this.off(name, listener)
  }

  off<K extends keyof Events>(name: K, listener: Listener<Events[K]>): void {
    this.#listeners.get(name)?.delete(listener)
  }

  hasListeners(name: keyof Events): boolean {
    if ((this.#listeners.get(name)?.size ?? 0) > 0) return true
    return this.#parent?.hasListeners(name) ?? false
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
    if (this.#parent !== undefined) this.#parent.emit(name, event, isHeard)
    else if (!isHeard) this.#onUnheard?.(name, event)
  }
}
