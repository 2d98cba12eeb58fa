/**
 * States, events and effects of KIP-848 membership; `membership-consumer.machine.ts` has the rules.
 */
import type { KafkaError } from '@odradek/protocol'
import type { RetryBackoff } from '../../cluster/backoff.ts'
import type { AssignedPartition } from '../shell/membership.ts'

/** What this member wants to read. */
export interface Subscription {
  readonly topics: readonly string[]
  /** A pattern that the broker resolves (RE2); null without one, empty to take one back. */
  readonly pattern: string | null
}

/** A partition as the protocol names it. */
export interface IdPartition {
  readonly topicId: string
  readonly partition: number
}

/** A partition that the coordinator wants us to have; its topic's name may not be known yet. */
export interface TargetPartition extends IdPartition {
  readonly topic: string | undefined
}

/** What one heartbeat says. What is null has not changed since the last one. */
export interface Heartbeat {
  /** 0 joins, -2 lets go of the group instance id, everything else is the epoch we are in. */
  readonly memberEpoch: number
  readonly isFull: boolean
  readonly subscription: Subscription | null
  readonly owned: readonly IdPartition[] | null
}

/** Heartbeats carry the whole protocol; one is under way at a time. */
export interface Beat {
  /** The number of the newest one. Only its answer counts. */
  readonly ticket: number
  readonly isSent: boolean
  /** The next one does not wait for the interval, only for the answer to the one under way. */
  readonly isUrgent: boolean
  /**
   * The next one says everything. After a failure it must: the coordinator may have moved on, and
   * then it fences whoever leaves something out.
   */
  readonly isFull: boolean
  readonly hasNewTopics: boolean
  readonly hasNewOwned: boolean
  /** Answers in a row that brought nothing new. */
  readonly quiet: number
}

/** Who we are to the coordinator. */
export interface Member {
  readonly settings: RetryBackoff
  readonly subscription: Subscription
  /** Our own choice, for the whole life of the consumer. */
  readonly memberId: string
  readonly isStatic: boolean
  /** 0: the coordinator does not count us in. */
  readonly epoch: number
  /** 0 until the coordinator said one. */
  readonly heartbeatIntervalMs: number
  /** What the hooks were told of and not yet rid of. */
  readonly owned: readonly AssignedPartition[]
  /** What the coordinator wants us to have, by its last word. */
  readonly target: readonly TargetPartition[]
  readonly beat: Beat
  /** Hooks carry a ticket; only the outcome of the newest one counts. */
  readonly hookTicket: number
  /** Heartbeats that failed in a row. */
  readonly failures: number
}

export type State =
  | { readonly name: 'unjoined'; readonly member: Member }
  | {
      readonly name: 'joining'
      readonly member: Member
      /**
       * The coordinator may count us in without our knowing: from a membership that ended, or a
       * join whose answer was lost. A static member's join is refused then, until it lets go of its
       * own group instance id.
       */
      readonly mayBeKnown: boolean
      /** The heartbeat under way, or due, lets go of it. */
      readonly isReleasing: boolean
    }
  | { readonly name: 'stable'; readonly member: Member }
  | {
      readonly name: 'reconciling'
      readonly member: Member
      readonly phase: 'revoking' | 'assigning'
      /** Still owned, until the hook is through. */
      readonly revoking: readonly AssignedPartition[]
    }
  | {
      readonly name: 'resting'
      readonly member: Member
      /** The last heartbeat is still under way. */
      readonly isLeaving: boolean
    }
  | { readonly name: 'leaving'; readonly member: Member }
  | { readonly name: 'left' }
  | { readonly name: 'failed'; readonly member: Member }

export type StateName = State['name']

/** `chance` is a random number in [0, 1), for jitter. */
export type Event =
  | { readonly type: 'started' }
  | { readonly type: 'topicsChanged'; readonly topics: readonly string[] }
  /** It is time for the next heartbeat. */
  | { readonly type: 'beatDue' }
  /** Somebody doubts that we are still counted in, or thinks that there is news. */
  | { readonly type: 'checkWanted' }
  | {
      readonly type: 'answered'
      readonly ticket: number
      readonly memberEpoch: number
      readonly heartbeatIntervalMs: number
      /** Null: as before. */
      readonly assignment: readonly TargetPartition[] | null
      readonly chance: number
    }
  | {
      readonly type: 'refused'
      readonly ticket: number
      readonly error: KafkaError
      /** This member has tried to join for longer than a session lasts. */
      readonly hasWaitedForSession: boolean
      readonly chance: number
    }
  | { readonly type: 'namesLearned'; readonly names: ReadonlyMap<string, string> }
  | { readonly type: 'hookSettled'; readonly ticket: number }
  /** A commit was answered with an error about this member. */
  | {
      readonly type: 'memberRefused'
      readonly memberId: string
      readonly memberEpoch: number
      readonly error: KafkaError
      readonly chance: number
    }
  /**
   * The heartbeat thread heartbeat in our place while the loop was blocked. The epoch that the
   * coordinator told it last; undefined when it was told none.
   */
  | { readonly type: 'takenBack'; readonly memberEpoch: number | undefined }
  /** No heartbeat was answered for a session. */
  | { readonly type: 'sessionExpired'; readonly chance: number }
  /** Out of the group until it is started again. */
  | { readonly type: 'restRequested'; readonly tellsGroup: boolean; readonly reason: string }
  | { readonly type: 'leaveRequested'; readonly tellsGroup: boolean }
  | { readonly type: 'leaveSettled' }

export type Effect =
  | { readonly do: 'sendHeartbeat'; readonly ticket: number; readonly heartbeat: Heartbeat }
  /** One timer; setting it again puts it off. */
  | { readonly do: 'setBeat'; readonly afterMs: number }
  /**
   * The session is alive as of when this heartbeat was sent. Calm: nothing was left then that the
   * coordinator waits for us to give up.
   */
  | { readonly do: 'confirmSession'; readonly ticket: number; readonly isCalm: boolean }
  | { readonly do: 'stopSession' }
  /** The epoch is another one, and what is owned is what it says: commits may carry it. */
  | { readonly do: 'publishEpoch' }
  | {
      readonly do: 'callRevoked'
      readonly ticket: number
      readonly partitions: readonly AssignedPartition[]
    }
  | {
      readonly do: 'callAssigned'
      readonly ticket: number
      readonly added: readonly AssignedPartition[]
    }
  | { readonly do: 'reportReconciled' }
  | {
      readonly do: 'lose'
      readonly partitions: readonly AssignedPartition[]
      readonly reason: string
    }
  | { readonly do: 'forgetCoordinator' }
  /** People should hear of this error, although trying goes on. */
  | { readonly do: 'reportRefused'; readonly error: KafkaError }
  | { readonly do: 'reportFenced'; readonly reason: string }
  | { readonly do: 'sendLeave'; readonly memberEpoch: -1 | -2 }
  | { readonly do: 'fail'; readonly error: KafkaError }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

/** A member that has not joined yet. */
export function newMember(
  given: Pick<Member, 'settings' | 'subscription' | 'memberId' | 'isStatic'>,
): Member {
  return {
    ...given,
    epoch: 0,
    heartbeatIntervalMs: 0,
    owned: [],
    target: [],
    beat: {
      ticket: 0,
      isSent: false,
      isUrgent: false,
      isFull: true,
      hasNewTopics: false,
      hasNewOwned: false,
      quiet: 0,
    },
    hookTicket: 0,
    failures: 0,
  }
}
