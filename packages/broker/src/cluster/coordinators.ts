/**
 * Which broker coordinates which group, or which transactional id. As with the leaders of
 * `__consumer_offsets`, the place is decided once, by the group's name and the registered brokers,
 * and stays until that broker is fenced or the group is moved; a broker that restarts does not get
 * its former groups back.
 */
export interface CoordinatorHooks {
  readonly onElected: (groupId: string, nodeId: number) => void
  readonly onResigned: (groupId: string, nodeId: number) => void
}

const NONE = -1

export class Coordinators {
  readonly #places = new Map<string, number>()
  readonly #registered: ReadonlySet<number>
  readonly #hooks: CoordinatorHooks

  constructor(registered: ReadonlySet<number>, hooks: CoordinatorHooks) {
    this.#registered = registered
    this.#hooks = hooks
  }

  /** -1 when no broker is registered. */
  coordinatorOf(groupId: string): number {
    const place = this.#places.get(groupId)
    if (place !== undefined && place !== NONE) return place
    const chosen = this.#choose(groupId)
    this.#places.set(groupId, chosen)
    if (chosen !== NONE) this.#hooks.onElected(groupId, chosen)
    return chosen
  }

  move(groupId: string, nodeId: number): void {
    const before = this.coordinatorOf(groupId)
    if (before === nodeId) return
    this.#places.set(groupId, nodeId)
    if (before !== NONE) this.#hooks.onResigned(groupId, before)
    this.#hooks.onElected(groupId, nodeId)
  }

  /** A broker was fenced: its groups move to others, if there are any. */
  onFenced(nodeId: number): void {
    for (const [groupId, place] of this.#places) {
      if (place !== nodeId) continue
      const chosen = this.#choose(groupId)
      this.#places.set(groupId, chosen)
      this.#hooks.onResigned(groupId, nodeId)
      if (chosen !== NONE) this.#hooks.onElected(groupId, chosen)
    }
  }

  /** A broker has registered: groups without a place get one, and its own are loaded again. */
  onRegistered(nodeId: number): void {
    for (const [groupId, place] of this.#places) {
      if (place === NONE) this.coordinatorOf(groupId)
      else if (place === nodeId) this.#hooks.onElected(groupId, nodeId)
    }
  }

  #choose(groupId: string): number {
    const nodeIds = [...this.#registered].sort((a, b) => a - b)
    if (nodeIds.length === 0) return NONE
    // The remainder is an index of the list.
    return nodeIds[hashOf(groupId) % nodeIds.length] as number
  }
}

/** Java's String.hashCode, made positive as Kafka does. */
export function hashOf(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  }
  return hash & 0x7fff_ffff
}
