/** What may go wrong with the heartbeat thread's heartbeats while the loop is blocked. */
import type { VirtualProcess } from '@odradek/environment'
import type { SmallWorld } from '../regressions/small-world.test-kit.ts'

export interface Blocked {
  readonly small: SmallWorld
  readonly process: VirtualProcess
  readonly groupId: string
  /** The API of its heartbeats. */
  readonly api: 'Heartbeat' | 'ConsumerGroupHeartbeat' | 'ShareGroupHeartbeat'
  readonly blockMs: number
}

/** An answer is cut, then connections die, then the coordinator moves; it ends behind the block. */
export async function blockInTrouble(blocked: Blocked): Promise<void> {
  const { small, process, groupId, api, blockMs } = blocked
  const { cluster, world } = small
  process.blockLoop(blockMs)
  await world.sleep(5000)
  cluster.faults.add({ api, dropAnswer: true, times: 1 })
  await world.sleep(10_000)
  cluster.faults.add({ api, disconnect: 'after', times: 2 })
  await world.sleep(10_000)
  const other = cluster.nodeIds.find((nodeId) => nodeId !== cluster.coordinatorOf(groupId)) ?? 1
  cluster.moveCoordinator(groupId, other)
  await world.sleep(blockMs - 15_000)
}
