/** What a coordinator keeps of a committed offset. */
export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** On the monotonic clock of the cluster. */
  readonly committedAt: number
  /** When it expires by the client's request (OffsetCommit before version 5); else null. */
  readonly expiresAt: number | null
}
