/** The assignors that a member can offer: Kafka's by name, and the user's own as objects. */
import { UsageError } from '../../errors/errors.ts'
import type { Assignor } from './assignor.ts'
import { cooperativeSticky } from './cooperative-sticky.ts'
import { range } from './range.ts'
import { roundRobin } from './round-robin.ts'
import { sticky } from './sticky.ts'

export type {
  Assignor,
  AssignorInput,
  GroupAssignment,
  GroupMember,
  PartitionRacks,
} from './assignor.ts'
export { cooperativeSticky } from './cooperative-sticky.ts'
export { range } from './range.ts'
export { roundRobin } from './round-robin.ts'
export { sticky } from './sticky.ts'

const BY_NAME: ReadonlyMap<string, Assignor> = new Map(
  [cooperativeSticky, range, sticky, roundRobin].map((assignor) => [assignor.name, assignor]),
)

/** Cooperative-sticky first; range, too, so that a live range group can be joined. */
export const DEFAULT_ASSIGNORS: readonly (string | Assignor)[] = ['cooperative-sticky', 'range']

/**
 * Looks names up; the order is the order of preference.
 * @throws UsageError when a name is not known, is there twice, or none is given.
 */
export function resolveAssignors(
  offered: readonly (string | Assignor)[] = DEFAULT_ASSIGNORS,
): readonly Assignor[] {
  if (offered.length === 0) {
    throw new UsageError('partitionAssignors is empty; a member must offer at least one.')
  }
  const assignors = offered.map((one) => {
    if (typeof one !== 'string') return one
    const found = BY_NAME.get(one)
    if (found !== undefined) return found
    const names = [...BY_NAME.keys()].map((name) => `"${name}"`).join(', ')
    throw new UsageError(
      `There is no partition assignor "${one}". Use ${names}, or an assignor of your own.`,
    )
  })
  const names = new Set<string>()
  for (const { name } of assignors) {
    if (names.has(name)) throw new UsageError(`partitionAssignors names "${name}" twice.`)
    names.add(name)
  }
  return assignors
}
