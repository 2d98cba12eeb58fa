/**
 * The vocabulary of share groups (KIP-932). Members are assigned partitions, but do not own them: a
 * partition may have several readers, and a new assignment needs no reconciliation.
 */

import type { PartitionKey } from '../cluster/topic-partitions.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { HeartbeatAnswer } from './heartbeat-answer.ts'

export interface Member {
  readonly memberId: string
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  /** Sorted. */
  readonly subscribedTopicNames: readonly string[]
  readonly assigned: ReadonlySet<PartitionKey>
}

export interface State {
  readonly members: ReadonlyMap<string, Member>
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly target: ReadonlyMap<string, ReadonlySet<PartitionKey>>
  /** The version of the topics by which the target was made. */
  readonly topicsVersion: number
  /** The subscribed topics as they were last seen. */
  readonly metadata: string
  /**
   * How many partitions of each topic, by id, the group has a state for; others are not assigned.
   */
  readonly initialized: ReadonlyMap<string, number>
  readonly isDead: boolean
}

export const EMPTY_SHARE_GROUP: State = {
  members: new Map(),
  groupEpoch: 0,
  assignmentEpoch: 0,
  target: new Map(),
  topicsVersion: -1,
  metadata: '',
  initialized: new Map(),
  isDead: false,
}

export interface Limits {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxSize: number
}

export interface Surroundings {
  readonly limits: Limits
  readonly topics: TopicsImage
}

export interface HeartbeatEvent {
  readonly type: 'heartbeat'
  readonly memberId: string
  /** 0 joins, -1 leaves. */
  readonly memberEpoch: number
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** Null for no change. */
  readonly subscribedTopicNames: readonly string[] | null
}

export type Event =
  | HeartbeatEvent
  | { readonly type: 'sessionExpired'; readonly memberId: string }
  /** The states of the subscribed partitions have been created. */
  | { readonly type: 'initialized' }
  | { readonly type: 'loaded' }
  | { readonly type: 'deleted' }

export type Effect =
  | { readonly do: 'answer'; readonly answer: HeartbeatAnswer }
  | { readonly do: 'setSession'; readonly memberId: string; readonly afterMs: number }
  | { readonly do: 'clearSession'; readonly memberId: string }
  /** Create the states of partitions that are new to the group, then send `initialized`. */
  | { readonly do: 'initialize' }
  /** A member was removed: the records that it has acquired are released. */
  | { readonly do: 'release'; readonly memberId: string }
  | { readonly do: 'persist'; readonly snapshot: State }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

export function stateNameOf({ isDead, members }: State): 'Dead' | 'Empty' | 'Stable' {
  if (isDead) return 'Dead'
  return members.size === 0 ? 'Empty' : 'Stable'
}
