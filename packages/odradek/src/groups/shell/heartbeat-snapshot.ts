/**
 * The heartbeat that the heartbeat thread sends on behalf of a member, as plain data that a thread
 * can be given. Each protocol adds what its request needs and sends it (`heartbeat-request.ts`,
 * `consumer-snapshots.ts`, `share-snapshots.ts`).
 *
 * A snapshot is the whole of what the member last claimed, so a heartbeat of the thread never
 * leaves anything out: a KIP-848 coordinator whose epoch has moved fences a member that does. And
 * it never claims more than the main thread has done: an assignment that the thread receives is
 * not taken up, and nothing is revoked, until the main thread runs again.
 */
export interface HeartbeatSnapshot {
  readonly protocol: 'classic' | 'consumer' | 'share'
  /** The client's for a classic group, the broker's for any other. */
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

/** What the coordinator responded to one heartbeat of the thread. */
export interface HeartbeatResult {
  /** If the protocol has one. */
  readonly memberEpoch: number | undefined
  /** The coordinator waits for nothing that this member would have to do. */
  readonly isCalm: boolean
}
