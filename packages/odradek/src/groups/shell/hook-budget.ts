/**
 * How long a hook may take. The group waits for a member no longer than its rebalance timeout; and
 * the member may have heard of the rebalance a heartbeat later than it began, and has to be heard
 * in time.
 */
export function hookBudgetMs(rebalanceTimeoutMs: number, heartbeatIntervalMs: number): number {
  return Math.max(rebalanceTimeoutMs / 2, rebalanceTimeoutMs - 2 * heartbeatIntervalMs)
}
