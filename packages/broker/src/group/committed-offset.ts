/** What a coordinator keeps of a committed offset. */
export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** On the monotonic clock of the cluster. */
  readonly committedAt: number
  /** When the client said that it may go (OffsetCommit before version 5); null when it did not. */
  readonly expiresAt: number | null
}
