/** What a consumer says of a group that rebalances again and again. */

export interface StormSuspect {
  /**
   * Members that come and go; one that joins with other topics each time; one that does not take
   * its assignment; this member itself; or nobody who could be seen.
   */
  readonly kind: 'comesAndGoes' | 'changesTopics' | 'absentAtSync' | 'thisMember' | 'unknown'
  /** The newest of them, where they are known. */
  readonly memberIds: readonly string[]
  /** What was seen, in words. */
  readonly evidence: string
  /** How much of the storm that explains; brokers keep the reasons of joins to themselves. */
  readonly confidence: 'low' | 'medium' | 'high'
}

export interface Storm {
  readonly groupId: string
  readonly memberId: string
  readonly generationId: number
  /** So many generations ... */
  readonly generations: number
  /** ... within so many ms. */
  readonly withinMs: number
  /** Whether anything came of it: of the whole group if this member leads, else of this one. */
  readonly hasAssignmentChanged: boolean
  /** Whether this member leads, and so sees everybody. */
  readonly isLeader: boolean
  /** The likeliest first; never empty. */
  readonly suspects: readonly StormSuspect[]
}
