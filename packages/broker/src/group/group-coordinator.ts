/**
 * The groups that one broker coordinates. A group is loaded when the broker is elected for it
 * (sessions of its members begin anew then, or nobody would notice that they are gone) and unloaded
 * when another one is. Requests for other groups learn that this is not their coordinator.
 */
import { ErrorCode } from '@odradek/protocol'
import type { BrokerNode } from '../node/broker-node.ts'
import { ClassicGroupShell } from './classic-group-shell.ts'
import { isVisibleChange, viewOf } from './group-view.ts'

export type Located =
  | { readonly errorCode: 0; readonly group: ClassicGroupShell | undefined }
  | { readonly errorCode: number; readonly group?: undefined }

export class GroupCoordinator {
  readonly #node: BrokerNode
  readonly #groups = new Map<string, ClassicGroupShell>()
  readonly #loading = new Set<string>()

  constructor(node: BrokerNode) {
    this.#node = node
  }

  get groups(): ReadonlyMap<string, ClassicGroupShell> {
    return this.#groups
  }

  /** This broker coordinates the group from now on; the group is ready once it is read. */
  elect(groupId: string): void {
    const { cluster } = this.#node
    if (this.#groups.has(groupId) || this.#loading.has(groupId)) return
    if (cluster.groups.get(groupId) === undefined) return
    const { coordinatorLoadMs } = cluster.options
    if (coordinatorLoadMs === 0) {
      this.#load(groupId)
      return
    }
    this.#loading.add(groupId)
    this.#node.later(coordinatorLoadMs, () => {
      if (this.#loading.delete(groupId)) this.#load(groupId)
    })
  }

  resign(groupId: string): void {
    this.#loading.delete(groupId)
    this.#groups.get(groupId)?.unload(ErrorCode.NOT_COORDINATOR)
    this.#groups.delete(groupId)
  }

  /** The broker stops: gracefully, parked requests are answered; else everything just ends. */
  close(isGraceful: boolean): void {
    this.#loading.clear()
    for (const group of this.#groups.values()) {
      if (isGraceful) group.unload(ErrorCode.NOT_COORDINATOR)
      else group.vanish()
    }
    this.#groups.clear()
  }

  /** The group, if this broker coordinates it; undefined when nobody has heard of it. */
  locate(groupId: string): Located {
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID }
    const coordinatorId = this.#node.cluster.coordinators.coordinatorOf(groupId)
    if (coordinatorId !== this.#node.nodeId) return { errorCode: ErrorCode.NOT_COORDINATOR }
    if (this.#loading.has(groupId)) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }
    return { errorCode: 0, group: this.#groups.get(groupId) }
  }

  /** For a group that `locate` knew nothing of. */
  create(groupId: string): ClassicGroupShell {
    this.#node.cluster.groups.getOrCreate(groupId)
    return this.#load(groupId)
  }

  delete(groupId: string): void {
    this.#groups.get(groupId)?.delete()
    this.#groups.delete(groupId)
    this.#node.cluster.groups.delete(groupId)
  }

  #load(groupId: string): ClassicGroupShell {
    const node = this.#node
    const { cluster, environment, nodeId } = node
    const { options } = cluster
    const group = new ClassicGroupShell({
      environment,
      stored: cluster.groups.getOrCreate(groupId),
      limits: {
        initialRebalanceDelayMs: options.groupInitialRebalanceDelayMs,
        newMemberJoinTimeoutMs: options.groupNewMemberJoinTimeoutMs,
        maxSize: options.groupMaxSize,
      },
      onStep: (before, after, cause) => {
        if (!cluster.events.hasListeners('group')) return
        if (cause !== 'loaded' && !isVisibleChange(before, after)) return
        cluster.events.emit('group', {
          ...viewOf(groupId, after),
          at: cluster.now(),
          nodeId,
          cause,
        })
      },
    })
    this.#groups.set(groupId, group)
    return group
  }
}
