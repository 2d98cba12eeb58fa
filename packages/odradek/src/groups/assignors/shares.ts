/** A division while it is being made: who has what, and what may go to whom. */
import type { TopicPartition } from '../../events/topic-partition.ts'
import { isNear } from './racks.ts'

/** Partitions that the very same members want, and that are near to the same: one is as another. */
export interface Kind {
  readonly candidates: readonly Share[]
  readonly isCandidate: ReadonlySet<Share>
  /** Racks that have replicas; absent where racks make no difference. */
  readonly racks: ReadonlySet<string> | undefined
}

export interface Share {
  readonly memberId: string
  readonly rackId: string | null
  /** Members are served in this order. */
  readonly order: number
  /** What its member held before. */
  readonly kept: Map<Kind, TopicPartition[]>
  readonly fresh: Map<Kind, TopicPartition[]>
  load: number
}

export type Pile = 'fresh' | 'kept'

export interface Hop {
  readonly from: Share
  readonly to: Share
  readonly kind: Kind
}

export function push(
  pile: Map<Kind, TopicPartition[]>,
  kind: Kind,
  partition: TopicPartition,
): void {
  const partitions = pile.get(kind)
  if (partitions === undefined) pile.set(kind, [partition])
  else partitions.push(partition)
}

export function handOver({ from, to, kind }: Hop, piles: readonly Pile[]): void {
  for (const pile of piles) {
    const moved = from[pile].get(kind)?.pop()
    if (moved === undefined) continue
    from.load--
    push(to.fresh, kind, moved)
    to.load++
    return
  }
}

export function isFar({ rackId }: Share, { racks }: Kind): boolean {
  return racks !== undefined && !isNear(rackId, racks)
}
