/**
 * The events of a client by name, so that a misspelt one is refused: a listener for an event that
 * does not exist would wait for ever. docs/events.md tells what each is about.
 */
import type { ClientEvents } from './client-events.ts'

const NAMES: Readonly<Record<keyof ClientEvents, true>> = {
  connected: true,
  connectionFailed: true,
  disconnected: true,
  throttled: true,
  rebootstrapped: true,
  metadataRefreshed: true,
  stalled: true,
  dataLoss: true,
  rebalanced: true,
  groupProtocolChosen: true,
  brokerGroupConfig: true,
  committed: true,
  staleMarksIgnored: true,
  positionReset: true,
  unreadableSubscription: true,
  unreadableAssignment: true,
  fenced: true,
  rebalanceStorm: true,
  deliveryTimedOut: true,
  maxPollExceeded: true,
  eventLoopBlocked: true,
  partitionProgress: true,
  heartbeatThreadUnavailable: true,
  deliveryFailed: true,
  recordSkipped: true,
  shareGroupConfigured: true,
  acknowledgementLate: true,
  deliveryExhausted: true,
  runFailed: true,
  closedOnSignal: true,
  pausedWithLag: true,
  listenerError: true,
}

/** Exhaustive: the compiler holds it against `ClientEvents`. */
export const EVENT_NAMES = Object.keys(NAMES) as readonly (keyof ClientEvents)[]
