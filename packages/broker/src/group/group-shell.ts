/**
 * A group in the hands of its coordinator, of whatever protocol: what handlers may ask of any. Each
 * kind of group has a machine that decides and a shell that acts; this is what the shells share.
 */
import type { Environment } from '@odradek/environment'
import type { GroupView } from '../cluster/cluster-events.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { CommitIdentity } from './commit-check.ts'
import type { CommittedOffset } from './committed-offset.ts'
import type { StoredGroup } from './group-store.ts'

/** What the shell of a group is made of whose coordinator assigns by itself: of any such protocol. */
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

/** Says which partitions' offsets may be committed: 0, or why not. */
export type CommitVerdict = (topicId: string, partition: number) => number

export interface AnyGroupShell {
  readonly stored: StoredGroup
  readonly isEmpty: boolean
  view(): GroupView
  /** The error that refuses a commit as a whole, or the judge of its partitions. */
  judgeCommit(identity: CommitIdentity, version: number): number | CommitVerdict
  /** 0, or why this member may not read offsets. */
  judgeFetch(memberId: string | null, memberEpoch: number): number
  isSubscribed(topic: string): boolean
  /** The time from which the retention of an offset counts; undefined while it may not go. */
  retentionStart(topic: string, committed: CommittedOffset): number | undefined
  delete(): void
  /** Another broker coordinates the group from now on (or none does). */
  unload(errorCode: number): void
  /** The process is gone: nothing is said to anybody. */
  vanish(): void
}
