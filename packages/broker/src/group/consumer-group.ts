/**
 * The vocabulary of KIP-848 consumer groups: what a coordinator knows of a group, what can happen
 * to it, and what follows. Three epochs describe the progress: the group's grows with every change,
 * the target assignment carries the group epoch that it was computed for, and a member's own epoch
 * is that of the target that it has reached. Members of the classic protocol may be among the
 * others (`classic` is what only they have).
 */

import type { PartitionKey } from '../cluster/topic-partitions.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { MigrationPolicy } from '../options/broker-options.ts'
import type {
  HeartbeatEvent as ClassicHeartbeatEvent,
  JoinEvent as ClassicJoinEvent,
  LeaveEvent as ClassicLeaveEvent,
  SyncEvent as ClassicSyncEvent,
  JoinAnswer,
  LeaveAnswer,
  Protocol,
  SyncAnswer,
} from './classic-group.ts'
import type { HeartbeatAnswer } from './heartbeat-answer.ts'

/** Partitions of a member, each with the epoch in which it got it (KIP-1251). */
export type Assigned = ReadonlyMap<PartitionKey, number>

export type MemberState = 'Stable' | 'UnrevokedPartitions' | 'UnreleasedPartitions'

export interface ClassicTraits {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly Protocol[]
}

export interface Member {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** -2 for a static member that has left temporarily. */
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly rebalanceTimeoutMs: number
  /** Sorted. */
  readonly subscribedTopicNames: readonly string[]
  /** Empty without one. */
  readonly subscribedTopicRegex: string
  readonly serverAssignor: string | null
  readonly assigned: Assigned
  /** Revoked; no other member gets it before this member reports that it has released it. */
  readonly pendingRevocation: Assigned
  readonly classic: ClassicTraits | null
}

export interface State {
  readonly members: ReadonlyMap<string, Member>
  readonly groupEpoch: number
  /** The group epoch of the target assignment. */
  readonly assignmentEpoch: number
  readonly target: ReadonlyMap<string, ReadonlySet<PartitionKey>>
  /** When the target was computed, on the clock of its coordinator. */
  readonly assignedAt: number
  /** The subscribed topics as they were last seen: name, id and size of each. */
  readonly metadata: string
  /** The topics of each pattern. */
  readonly resolved: ReadonlyMap<string, readonly string[]>
  /** The versions of the topics by which patterns and `metadata` were made; -1 for never. */
  readonly resolvedVersion: number
  readonly topicsVersion: number
  readonly isDead: boolean
}

export const EMPTY_CONSUMER_GROUP: State = {
  members: new Map(),
  groupEpoch: 0,
  assignmentEpoch: 0,
  target: new Map(),
  assignedAt: Number.NEGATIVE_INFINITY,
  metadata: '',
  resolved: new Map(),
  resolvedVersion: -1,
  topicsVersion: -1,
  isDead: false,
}

export interface Limits {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly assignmentIntervalMs: number
  readonly maxSize: number
  readonly migrationPolicy: MigrationPolicy
}

/** What the machine reads besides the group. */
export interface Surroundings {
  readonly groupId: string
  readonly limits: Limits
  readonly topics: TopicsImage
  /** Milliseconds of a clock that never goes back. */
  readonly now: number
}

export interface HeartbeatEvent {
  readonly type: 'heartbeat'
  /** Empty when the client does not name itself (version 0). */
  readonly memberId: string
  /** The id that it is assigned in that case. */
  readonly newMemberId: string
  /** 0 joins, -1 leaves, -2 leaves temporarily, as static members may. */
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** -1 for no change; so are nulls below. */
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  readonly owned: ReadonlySet<PartitionKey> | null
}

type Unnumbered<E> = Omit<E, 'request' | 'type'>

export type JoinEvent = Unnumbered<ClassicJoinEvent> & { readonly type: 'classicJoin' }
export type SyncEvent = Unnumbered<ClassicSyncEvent> & { readonly type: 'classicSync' }
export type BeatEvent = Unnumbered<ClassicHeartbeatEvent> & { readonly type: 'classicHeartbeat' }
export type LeaveEvent = Unnumbered<ClassicLeaveEvent> & { readonly type: 'classicLeave' }

export type Event =
  | HeartbeatEvent
  | JoinEvent
  | SyncEvent
  | BeatEvent
  | LeaveEvent
  | { readonly type: 'sessionExpired'; readonly memberId: string }
  /** A member did not release its partitions, did not rejoin or did not sync in time. */
  | { readonly type: 'rebalanceExpired'; readonly memberId: string; readonly memberEpoch: number }
  | { readonly type: 'joinExpired'; readonly memberId: string; readonly groupEpoch: number }
  | { readonly type: 'syncExpired'; readonly memberId: string; readonly memberEpoch: number }
  /** Patterns are resolved beside the requests, as Kafka does. */
  | { readonly type: 'resolutionDue' }
  /** A coordinator has loaded the group: every session starts again. */
  | { readonly type: 'loaded' }
  | { readonly type: 'deleted' }

export type Timer =
  | { readonly name: 'session'; readonly memberId: string }
  | { readonly name: 'rebalance'; readonly memberId: string; readonly memberEpoch: number }
  | { readonly name: 'join'; readonly memberId: string; readonly groupEpoch: number }
  | { readonly name: 'sync'; readonly memberId: string; readonly memberEpoch: number }
  | { readonly name: 'resolution' }

export type Effect =
  | { readonly do: 'answerHeartbeat'; readonly answer: HeartbeatAnswer }
  | { readonly do: 'answerJoin'; readonly answer: JoinAnswer }
  | { readonly do: 'answerSync'; readonly answer: SyncAnswer }
  | { readonly do: 'answerBeat'; readonly answer: number }
  | { readonly do: 'answerLeave'; readonly answer: LeaveAnswer }
  /** Replaces the timer of the same name and member, unless that one is to be kept. */
  | {
      readonly do: 'setTimer'
      readonly timer: Timer
      readonly afterMs: number
      readonly keep: boolean
    }
  | { readonly do: 'clearTimer'; readonly timer: Timer }
  | { readonly do: 'persist'; readonly snapshot: State }
  /** Only classic members are left: the group becomes classic again. */
  | { readonly do: 'downgrade'; readonly generationId: number }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

export type GroupStateName = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable' | 'Dead'

/** What Kafka calls the state of such a group. */
export function stateNameOf(state: State): GroupStateName {
  if (state.isDead) return 'Dead'
  if (state.members.size === 0) return 'Empty'
  if (state.groupEpoch > state.assignmentEpoch) return 'Assigning'
  for (const member of state.members.values()) {
    if (!isReconciled(member, state.assignmentEpoch)) return 'Reconciling'
  }
  return 'Stable'
}

export function isReconciled(member: Member, assignmentEpoch: number): boolean {
  return member.state === 'Stable' && member.memberEpoch === assignmentEpoch
}

/** The topics that a member subscribes to, by name and by pattern. */
export function wantedTopics(member: Member, resolved: State['resolved']): ReadonlySet<string> {
  const { subscribedTopicNames, subscribedTopicRegex } = member
  return new Set([...subscribedTopicNames, ...(resolved.get(subscribedTopicRegex) ?? [])])
}
