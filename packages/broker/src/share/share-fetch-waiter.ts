/**
 * A share fetch that waits: for records that are appended, or that become available again because
 * somebody let go of them. It wakes in the next turn of the event loop, as other long polls do, and
 * is gone when its connection is.
 */
import type { Partition, PartitionWaiter } from '../cluster/partition.ts'
import type { RequestContext } from '../handlers/handler.ts'

/** Resolves when it is time to try again: true, or false when nobody waits any more. */
export function waitForShares(
  partitions: readonly Partition[],
  waitMs: number,
  { node, connection }: RequestContext,
): Promise<boolean> {
  const { timers } = node.environment
  return new Promise((resolve) => {
    let isOver = false
    let forget = (): void => undefined
    let leave = (): void => undefined
    const finish = (hasClient: boolean): void => {
      if (isOver) return
      isOver = true
      timers.clear(timer)
      forget()
      leave()
      for (const partition of partitions) partition.waiters.delete(waiter)
      if (hasClient) timers.soon(() => resolve(true))
      else resolve(false)
    }
    const waiter: PartitionWaiter = {
      onAppend: () => finish(true),
      onUpheaval: () => finish(true),
    }
    const timer = timers.set(waitMs, () => finish(true))
    leave = node.shares.onAvailable(() => finish(true))
    // Calls back at once when the connection is closed already: a request that was held up.
    forget = connection.onceClosed(() => finish(false))
    if (isOver) leave()
    else for (const partition of partitions) partition.waiters.add(waiter)
  })
}
