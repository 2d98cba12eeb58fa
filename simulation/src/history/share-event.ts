/**
 * What was observed of share groups (KIP-932): there records are handed out one by one, whatever
 * their partition, and nobody owns anything but what it has in hand.
 */
import type { TopicPartition } from './topic-partition.ts'

export type ShareOutcome = 'accept' | 'release' | 'reject'

interface OfRecord extends TopicPartition {
  readonly at: number
  readonly groupId: string
  readonly offset: number
}

interface InHand extends OfRecord {
  readonly actor: string
}

/** User code got a record. */
export interface ShareTakenEvent extends InHand {
  readonly type: 'shareTaken'
  readonly id: string
  /** Key and value are what was sent under this id. */
  readonly isIntact: boolean
  readonly deliveryCount: number
  /** The client renews the lock by itself while user code has the record in hand. */
  readonly isKept: boolean
}

/** User code said what becomes of a record in its hands, or is about to. */
export interface ShareSaidEvent extends InHand {
  readonly type: 'shareSaid'
  readonly outcome: ShareOutcome
}

/** The client said that a word of user code's counts: by `commit`, or by `close`. */
export interface ShareConfirmedEvent extends InHand {
  readonly type: 'shareConfirmed'
  readonly outcome: ShareOutcome
}

/** The client said that a lock is lost, and with it whatever was said of the record. */
export interface ShareLateEvent extends InHand {
  readonly type: 'shareLate'
  readonly reason: string
}

/** The client said that the group gives a record up: it came back from its last delivery. */
export interface ShareExhaustedEvent extends InHand {
  readonly type: 'shareExhausted'
  readonly deliveryCount: number
}

/** The leader of a partition changed what a share group has of it. */
export interface ShareChangedEvent extends TopicPartition {
  readonly type: 'shareChanged'
  readonly at: number
  readonly nodeId: number
  readonly groupId: string
  readonly what:
    | 'acquired'
    | 'accepted'
    | 'released'
    | 'rejected'
    | 'renewed'
    | 'expired'
    | 'exhausted'
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
  /** Empty when a lock ran out. */
  readonly memberId: string
}

/** How far a share group has come, at the end, by the cluster's own word. */
export interface ShareLagEvent extends TopicPartition {
  readonly type: 'shareLag'
  readonly at: number
  readonly groupId: string
  /** Records that somebody still holds a lock of. */
  readonly locked: number
  /** Records that would be handed out, for the first time or again. */
  readonly available: number
}

export type ShareHistoryEvent =
  | ShareTakenEvent
  | ShareSaidEvent
  | ShareConfirmedEvent
  | ShareLateEvent
  | ShareExhaustedEvent
  | ShareChangedEvent
  | ShareLagEvent

export function describeShare(event: ShareHistoryEvent): string {
  const name = `${event.topic}-${event.partition}`
  switch (event.type) {
    case 'shareTaken': {
      const { offset, id, deliveryCount } = event
      return `takes ${name} @${offset} ${id}, delivery ${deliveryCount}`
    }
    case 'shareSaid':
      return `says ${event.outcome} of ${name} @${event.offset}`
    case 'shareConfirmed':
      return `knows that ${event.outcome} of ${name} @${event.offset} counts`
    case 'shareLate':
      return `lost the lock of ${name} @${event.offset}: ${event.reason}`
    case 'shareExhausted':
      return `says that ${name} @${event.offset} is given up`
    case 'shareChanged': {
      const { what, firstOffset, lastOffset, deliveryCount, memberId } = event
      const by = memberId === '' ? '' : ` by ${memberId}`
      return `${name} @${firstOffset} to @${lastOffset} ${what} (delivery ${deliveryCount})${by}`
    }
    case 'shareLag':
      return `${name}: ${event.locked} locked, ${event.available} to be handed out`
  }
}

export function isOfShares(event: { readonly type: string }): event is ShareHistoryEvent {
  return event.type.startsWith('share')
}
