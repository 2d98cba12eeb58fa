/** The racks that have replicas, by topic and partition, as far as metadata tells (KIP-881). */
import type { ClusterMetadata } from '../../cluster/index.ts'
import type { PartitionRacks } from './assignors/assignor.ts'

/** Undefined when no broker has a rack. */
export function racksOfTopics(
  { brokers, topics }: ClusterMetadata,
  names: Iterable<string>,
): PartitionRacks | undefined {
  if ([...brokers.values()].every(({ rack }) => rack === null)) return undefined
  const racks = new Map<string, readonly ReadonlySet<string>[]>()
  for (const name of names) {
    const partitions = topics.get(name)?.partitions
    if (partitions === undefined) continue
    const ofPartitions = partitions.map(({ replicas }) => {
      const known = replicas.map((nodeId) => brokers.get(nodeId)?.rack ?? null)
      return new Set(known.filter((rack) => rack !== null))
    })
    racks.set(name, ofPartitions)
  }
  return racks
}
