/** Whom and what a plan may hit, and from when to when. */
export interface Scene {
  readonly fromMs: number
  readonly toMs: number
  readonly nodeIds: readonly number[]
  /** Names of processes: the group's members, and the producers. */
  readonly members: readonly string[]
  readonly writers: readonly string[]
  readonly groupId: string
  /** Classic unless it is said. */
  readonly groupProtocol?: 'classic' | 'consumer' | 'share' | undefined
  /** Clients write in transactions. */
  readonly hasTransactions?: boolean | undefined
  readonly topics: Readonly<Record<string, number>>
  /** Topics may be deleted and made anew while it plays. */
  readonly mayLoseTopics?: boolean | undefined
  /** Members begin at timestamps, or so long ago. */
  readonly beginsAtInstants?: boolean
  /** How many records a producer writes at most. */
  readonly records: number
  /** After so long the coordinator gives a silent member up. */
  readonly sessionTimeoutMs: number
  /** So long a client waits for an answer. */
  readonly requestTimeoutMs: number
}
