/**
 * Intervals that coordinators prescribe, within what makes sense: beyond these bounds a member
 * would send heartbeats without a pause, or none for days.
 */
const SHORTEST_HEARTBEAT_INTERVAL_MS = 100
const LONGEST_HEARTBEAT_INTERVAL_MS = 60_000

/** Undefined for what is no interval. */
export function heartbeatInterval(prescribedMs: number): number | undefined {
  if (prescribedMs <= 0) return undefined
  const atMost = Math.min(prescribedMs, LONGEST_HEARTBEAT_INTERVAL_MS)
  return Math.max(atMost, SHORTEST_HEARTBEAT_INTERVAL_MS)
}
