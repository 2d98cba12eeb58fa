/** What a share group has done with a partition. */
export interface SharePartitionView {
  /** The first record that is not done with; -1 before anything was decided. */
  readonly startOffset: number
  /** Records from there on that were delivered at least once. */
  readonly records: readonly {
    readonly offset: number
    readonly state: 'available' | 'acquired' | 'done'
    readonly deliveryCount: number
    readonly memberId: string
  }[]
}
