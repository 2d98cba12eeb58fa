/**
 * What handlers and the coordinator use of a group of any kind. Each kind has a machine that
 * decides and a shell that carries out its effects; this is what the shells share.
 */
import type { Environment } from '@odradek/environment'
import type { GroupView } from '../cluster/cluster-events.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { CommitIdentity } from './commit-check.ts'
import type { CommittedOffset } from './committed-offset.ts'
import type { StoredGroup } from './group-store.ts'

/** The options of shells whose coordinator assigns: of consumer groups and share groups. */
export interface AssigningShellOptions<State, Limits, Cause> {
  readonly groupId: string
  readonly environment: Environment
  readonly limits: () => Limits
  readonly stored: StoredGroup
  readonly state: State
  readonly topics: () => TopicsImage
  /** Called after the effects of every step that changed something. */
  readonly onStep: (before: State, after: State, cause: Cause) => void
}

/** The error that refuses the offset of a partition; 0 accepts it. */
export type CommitValidation = (topicId: string, partition: number) => number

export interface AnyGroupShell {
  readonly stored: StoredGroup
  readonly isEmpty: boolean
  view(): GroupView
  /** The error that refuses a commit as a whole, or the validation of its partitions. */
  validateCommit(identity: CommitIdentity, version: number): number | CommitValidation
  /** 0, or why this member may not read offsets. */
  validateFetch(memberId: string | null, memberEpoch: number): number
  isSubscribed(topic: string): boolean
  /** The time from which the retention of an offset counts; undefined while it may not expire. */
  retentionStart(topic: string, committed: CommittedOffset): number | undefined
  delete(): void
  /** Another broker coordinates the group from now on (or none does). */
  unload(errorCode: number): void
  /** The process has ended: no request gets a response. */
  discard(): void
}
