/**
 * A share fetch that waits: for records that are appended, or that become available again because
 * somebody let go of them. It wakes in the next turn of the event loop, as other long polls do, and
 * is gone when its connection is.
 */
import type { Environment } from '@odradek/environment'
import type { ClientHandle } from '../cluster/client-handle.ts'
import type { Partition, PartitionWaiter } from '../cluster/partition.ts'
import type { SharePartitions } from './share-partitions.ts'

export interface ShareWaitOptions {
  readonly partitions: readonly Partition[]
  readonly shares: SharePartitions
  readonly waitMs: number
}

/** Resolves when it is time to try again: true, or false when nobody waits any more. */
export function waitForShares(
  { partitions, shares, waitMs }: ShareWaitOptions,
  timers: Environment['timers'],
  connection: Pick<ClientHandle, 'onceClosed'>,
): Promise<boolean> {
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
    leave = shares.onAvailable(() => finish(true))
    // Calls back at once when the connection is closed already: a request that was held up.
    forget = connection.onceClosed(() => finish(false))
    if (isOver) leave()
    else for (const partition of partitions) partition.waiters.add(waiter)
  })
}
