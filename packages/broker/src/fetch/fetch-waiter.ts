/**
 * A long poll that waits for records: until enough bytes have come, its time is up, or something
 * happened to a partition that its client should know. It wakes in the next turn of the event
 * loop, so that several appends of one turn are answered together, and it is gone when its
 * connection is.
 */
import type { Environment } from '@odradek/environment'
import type { ClientHandle } from '../cluster/client-handle.ts'
import type { Partition, PartitionWaiter } from '../cluster/partition.ts'

export interface WaitOptions {
  readonly partitions: readonly Partition[]
  /** Bytes that are still missing. */
  readonly missingBytes: number
  readonly maxWaitMs: number
  /** Records of open transactions do not count. */
  readonly isCommittedOnly: boolean
}

/** Resolves when it is time to read again: true, or false when nobody waits any more. */
export function waitForRecords(
  { partitions, missingBytes, maxWaitMs, isCommittedOnly }: WaitOptions,
  timers: Environment['timers'],
  connection: Pick<ClientHandle, 'onceClosed'>,
): Promise<boolean> {
  return new Promise((resolve) => {
    const stable = new Map(partitions.map((one) => [one, one.log.lastStableOffset]))
    let missing = missingBytes
    let isOver = false
    const finish = (hasClient: boolean): void => {
      if (isOver) return
      isOver = true
      timers.clear(timer)
      forget()
      for (const partition of partitions) partition.waiters.delete(waiter)
      if (!hasClient) resolve(false)
      else timers.soon(() => resolve(true))
    }
    const waiter: PartitionWaiter = {
      onAppend: (byteLength, partition) => {
        if (isCommittedOnly) {
          const { lastStableOffset } = partition.log
          if (lastStableOffset === stable.get(partition)) return
          stable.set(partition, lastStableOffset)
        }
        missing -= byteLength
        if (missing <= 0) finish(true)
      },
      onUpheaval: () => finish(true),
    }
    const timer = timers.set(maxWaitMs, () => finish(true))
    // Calls back at once when the connection is closed already: a request that was held up.
    let forget = (): void => undefined
    forget = connection.onceClosed(() => finish(false))
    if (!isOver) for (const partition of partitions) partition.waiters.add(waiter)
  })
}
