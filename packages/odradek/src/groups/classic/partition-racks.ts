/**
 * The racks that have replicas, by topic and partition, as far as metadata tells (KIP-881). While a
 * broker is away it is not in the metadata; its replicas are where they were.
 */
import type { ClusterMetadata } from '../../cluster/index.ts'
import type { PartitionRacks } from '../assignors/assignor.ts'

export class ReplicaRacks {
  readonly #rackOf = new Map<number, string>()

  observe({ brokers }: ClusterMetadata): void {
    for (const { nodeId, rack } of brokers.values()) {
      if (rack !== null) this.#rackOf.set(nodeId, rack)
    }
  }

  /** Undefined when no broker has a rack. */
  of({ topics }: ClusterMetadata, names: Iterable<string>): PartitionRacks | undefined {
    if (this.#rackOf.size === 0) return undefined
    const racks = new Map<string, readonly ReadonlySet<string>[]>()
    for (const name of names) {
      const partitions = topics.get(name)?.partitions
      if (partitions === undefined) continue
      const ofPartitions = partitions.map(({ replicas }) => {
        const known = replicas.map((nodeId) => this.#rackOf.get(nodeId))
        return new Set(known.filter((rack) => rack !== undefined))
      })
      racks.set(name, ofPartitions)
    }
    return racks
  }
}

/** Topics with partitions that are near to others of these racks than before. */
export function topicsThatMoved(
  before: PartitionRacks,
  now: PartitionRacks,
  racks: ReadonlySet<string>,
): readonly string[] {
  const hasMoved = (was: ReadonlySet<string>, is: ReadonlySet<string> | undefined): boolean =>
    is !== undefined && [...racks].some((rack) => was.has(rack) !== is.has(rack))
  return [...before]
    .filter(([topic, partitions]) =>
      partitions.some((was, partition) => hasMoved(was, now.get(topic)?.[partition])),
    )
    .map(([topic]) => topic)
}
