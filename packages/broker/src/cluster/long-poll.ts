/**
 * A request that waits for something to happen to partitions: until enough was appended, its time
 * has passed, or a partition changed so that its client should know. It wakes in the next turn of
 * the event loop, so that several appends of one turn are handled by one response, and it ends with
 * its connection.
 */
import type { Environment } from '@odradek/environment'
import type { ClientHandle } from './client-handle.ts'
import type { Partition, PartitionWaiter } from './partition.ts'

export interface LongPoll {
  readonly partitions: readonly Partition[]
  readonly maxWaitMs: number
  /** Whether the wait ends with this append; it does by default. */
  readonly isEnough?: (byteLength: number, partition: Partition) => boolean
  /** Another reason to wake; returns a function that removes the listener. */
  readonly onWake?: (wake: () => void) => () => void
}

/** Resolves when it is time to read again: to true, or to false when the connection has ended. */
export function waitForPartitions(
  { partitions, maxWaitMs, isEnough = () => true, onWake = () => () => undefined }: LongPoll,
  timers: Environment['timers'],
  connection: Pick<ClientHandle, 'onceClosed'>,
): Promise<boolean> {
  return new Promise((resolve) => {
    let hasEnded = false
    let forgetConnection = (): void => undefined
    let forgetWake = (): void => undefined
    const finish = (hasClient: boolean): void => {
      if (hasEnded) return
      hasEnded = true
      timers.clear(timer)
      forgetConnection()
      forgetWake()
      for (const partition of partitions) partition.waiters.delete(waiter)
      if (hasClient) timers.soon(() => resolve(true))
      else resolve(false)
    }
    const waiter: PartitionWaiter = {
      onAppend: (byteLength, partition) => {
        if (isEnough(byteLength, partition)) finish(true)
      },
      onInvalidated: () => finish(true),
    }
    const timer = timers.set(maxWaitMs, () => finish(true))
    // Calls back at once when the connection has ended already, as after a delayed request.
    forgetConnection = connection.onceClosed(() => finish(false))
    if (hasEnded) return
    forgetWake = onWake(() => finish(true))
    for (const partition of partitions) partition.waiters.add(waiter)
  })
}
