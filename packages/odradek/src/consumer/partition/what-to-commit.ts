/**
 * What may be committed of one partition, and what should be: pure. Under automatic commits that is
 * everything that was processed; under manual ones what the program asked for; for a transactional
 * consumer nothing, since transactions commit. A position that nothing was processed to reach is
 * committed only when it is a pin or, under automatic commits, the user's or the log's doing (S41,
 * S42): a start that was found must not take back what another tool committed meanwhile.
 */
import type { Lineage } from './position-epoch.ts'
import type { CommitState } from './commit-state.ts'

/** Who commits: this client on an interval, the program, or a producer's transactions. */
export type CommitMode = 'automatic' | 'manual' | 'transactional'

interface Progress {
  readonly lineage: Lineage
  readonly commit: CommitState
}

/** Something was processed, or passed over, to reach what could be committed. */
export function hasProgressed({ tracker, start, startKind }: Lineage): boolean {
  return tracker.committable > start || startKind === 'reached'
}

/** The offset that should be committed; undefined when nothing should. */
export function offsetToCommit(mode: CommitMode, progress: Progress): number | undefined {
  return wanted(mode, progress) ?? progress.commit.unsureOffset
}

function wanted(mode: CommitMode, { lineage, commit }: Progress): number | undefined {
  const { start, startKind, tracker } = lineage
  const pinned = startKind === 'pinned' ? start : undefined
  switch (mode) {
    case 'manual':
      return commit.requested ?? pinned
    case 'transactional':
      return pinned === undefined ? undefined : (commit.offset ?? pinned)
    case 'automatic': {
      const isDue = tracker.committable >= 0 && (startKind !== 'found' || hasProgressed(lineage))
      const reached = isDue ? tracker.committable : -1
      const offset = Math.max(reached, commit.requested ?? -1)
      return offset < 0 ? undefined : offset
    }
  }
}

/** What `commit()` asks for; undefined when nothing was processed, and no place was sought. */
export function offsetToRequest({ tracker, start, startKind }: Lineage): number | undefined {
  const { committable } = tracker
  const isAny = committable > start || startKind === 'reached' || startKind === 'sought'
  return isAny && committable >= 0 ? committable : undefined
}

/** The least offset that the program may ask to commit: less would go back. */
export function leastToCommit(mode: CommitMode, { lineage, commit }: Progress): number {
  if (mode !== 'manual') return lineage.tracker.committable
  // After a seek or a reset the program may commit less than it did before.
  const committed = commit.isOfFormerLineage ? undefined : commit.offset
  return commit.requested ?? committed ?? lineage.start
}
