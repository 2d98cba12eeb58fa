/**
 * The vocabulary of the classic group protocol: what a coordinator knows of a group, what can
 * happen to it, and what follows. Requests are numbered by the shell; an event has the number of
 * its request, a member that of its parked request, and a response that of the request that it
 * belongs to. Subscriptions and assignments are opaque: only clients read them.
 */
export interface Protocol {
  readonly name: string
  readonly metadata: Buffer
}

/** The request of a member that waits for the others. */
export type Parked =
  | { readonly for: 'nothing' }
  | { readonly for: 'join'; readonly request: number }
  | { readonly for: 'sync'; readonly request: number }

export interface Member {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** In the member's order of preference. */
  readonly protocols: readonly Protocol[]
  readonly assignment: Buffer
  readonly parked: Parked
  /** Has not had a response to a join: it does not know its own id and cannot heartbeat. */
  readonly isNew: boolean
}

/** The initial rebalance of a group: each new member may extend its delay. */
export interface InitialDelay {
  readonly delayMs: number
  readonly remainingMs: number
  readonly hasNewMember: boolean
}

export type Phase =
  | { readonly name: 'Empty' }
  | { readonly name: 'PreparingRebalance'; readonly initial: InitialDelay | null }
  | { readonly name: 'CompletingRebalance'; readonly pendingSync: ReadonlySet<string> }
  | { readonly name: 'Stable'; readonly pendingSync: ReadonlySet<string> }
  | { readonly name: 'Dead' }

export interface State {
  readonly phase: Phase
  readonly members: ReadonlyMap<string, Member>
  /** Ids assigned by MEMBER_ID_REQUIRED (KIP-394) whose owners have not rejoined yet. */
  readonly pendingMembers: ReadonlySet<string>
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
}

export const EMPTY_GROUP: State = {
  phase: { name: 'Empty' },
  members: new Map(),
  pendingMembers: new Set(),
  generationId: 0,
  protocolType: null,
  protocolName: null,
  leaderId: null,
}

/** What a coordinator stores of a group, and all that the next coordinator knows. */
export interface Snapshot {
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
  readonly members: readonly Member[]
}

export interface Limits {
  readonly initialRebalanceDelayMs: number
  readonly newMemberJoinTimeoutMs: number
  readonly maxSize: number
}

export interface JoinEvent {
  readonly type: 'join'
  readonly request: number
  /** Empty when the member has none yet. */
  readonly memberId: string
  /** The id it gets in that case. */
  readonly newMemberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly Protocol[]
  /** JoinGroup from version 4 on: a new member must rejoin with the id that it was assigned. */
  readonly requiresKnownMemberId: boolean
  /** JoinGroup from version 9 on (KIP-814). */
  readonly supportsSkippingAssignment: boolean
}

export interface SyncEvent {
  readonly type: 'sync'
  readonly request: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: ReadonlyMap<string, Buffer>
}

export interface HeartbeatEvent {
  readonly type: 'heartbeat'
  readonly request: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

export interface MemberIdentity {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

export interface LeaveEvent {
  readonly type: 'leave'
  readonly request: number
  readonly members: readonly MemberIdentity[]
}

export type Event =
  | JoinEvent
  | SyncEvent
  | HeartbeatEvent
  | LeaveEvent
  /** A member committed offsets, which counts as a heartbeat. */
  | { readonly type: 'committed'; readonly memberId: string }
  | { readonly type: 'sessionExpired'; readonly memberId: string }
  | { readonly type: 'joinExpired' }
  | { readonly type: 'syncExpired'; readonly generationId: number }
  /** A coordinator has loaded the group: every session starts again. */
  | { readonly type: 'loaded' }
  /** A consumer group has become a classic one: its members must rejoin. */
  | { readonly type: 'converted' }
  /** Another broker is the coordinator: parked requests get this error. */
  | { readonly type: 'unloaded'; readonly errorCode: number }
  | { readonly type: 'deleted' }

export interface JoinAnswer {
  readonly errorCode: number
  readonly memberId: string
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly members: readonly (MemberIdentity & { readonly metadata: Buffer })[]
}

export function refusedJoin(errorCode: number, memberId: string): JoinAnswer {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  }
}

export interface SyncAnswer {
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

export interface LeaveAnswer {
  readonly errorCode: number
  readonly members: readonly (MemberIdentity & { readonly errorCode: number })[]
}

export type Timer =
  | { readonly name: 'session'; readonly memberId: string }
  | { readonly name: 'join' }
  | { readonly name: 'sync'; readonly generationId: number }

export type Effect =
  | { readonly do: 'answerJoin'; readonly request: number; readonly answer: JoinAnswer }
  | { readonly do: 'answerSync'; readonly request: number; readonly answer: SyncAnswer }
  | { readonly do: 'answerHeartbeat'; readonly request: number; readonly answer: number }
  | { readonly do: 'answerLeave'; readonly request: number; readonly answer: LeaveAnswer }
  /** Replaces the timer of the same name (and member). */
  | { readonly do: 'setTimer'; readonly timer: Timer; readonly afterMs: number }
  | { readonly do: 'clearTimer'; readonly timer: Timer }
  | { readonly do: 'persist'; readonly snapshot: Snapshot }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

/** The group as a coordinator loads it. */
export function restore(snapshot: Snapshot): State {
  const { generationId, protocolType, protocolName, leaderId, members } = snapshot
  return {
    phase: members.length === 0 ? { name: 'Empty' } : { name: 'Stable', pendingSync: new Set() },
    members: new Map(members.map((member) => [member.memberId, member])),
    pendingMembers: new Set(),
    generationId,
    protocolType,
    protocolName,
    leaderId,
  }
}
