/** The assignors that a member may request; the first is the default. */
import type { Assignor } from './assignor.ts'
import { range } from './range.ts'
import { uniform } from './uniform.ts'

export const DEFAULT_ASSIGNOR = 'uniform'

/** The assignor that most members request; nulls do not count. */
export function preferredAssignor(votes: Iterable<string | null>): string {
  const counts = new Map<string, number>()
  let preferred = DEFAULT_ASSIGNOR
  for (const name of votes) {
    if (name === null) continue
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    if (count > (counts.get(preferred) ?? 0)) preferred = name
  }
  return preferred
}

export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  [DEFAULT_ASSIGNOR, uniform],
  ['range', range],
])
