/**
 * What the fetches of one partition have shown: the last batch, how often they failed in a row, and
 * which replica is to be fetched from. Only `PartitionReader` writes it, but for the replica, which
 * the fetcher chooses.
 */
export interface PreferredReplica {
  readonly nodeId: number
  /** Under this leader epoch; under another one the leader is asked. */
  readonly leaderEpoch: number
  /** By the monotonic clock. */
  readonly until: number
}

export class FetchProgress {
  /** The epoch of the last batch that was fetched, for finding truncations; -1 when unknown. */
  #epoch = -1
  #timestamp: number | undefined
  #failures = 0
  #corruptAt = -1
  #preferredReplica: PreferredReplica | undefined

  get epoch(): number {
    return this.#epoch
  }

  /** The latest timestamp of the last batch; undefined before the first. */
  get timestamp(): number | undefined {
    return this.#timestamp
  }

  /** Fetches in a row that brought an error, or no progress. */
  get failures(): number {
    return this.#failures
  }

  /** A follower that the leader chose (KIP-392); it is fetched from instead of the leader. */
  get preferredReplica(): PreferredReplica | undefined {
    return this.#preferredReplica
  }

  preferReplica(replica: PreferredReplica | undefined): void {
    this.#preferredReplica = replica
  }

  /** Fetching begins at another position, behind a batch of this epoch. */
  restart(epoch: number): void {
    this.#epoch = epoch
    this.#failures = 0
    this.#corruptAt = -1
  }

  /** The log is another one: nothing that was fetched tells anything about it. */
  reset(): void {
    this.#timestamp = undefined
    this.#preferredReplica = undefined
  }

  /** A batch was fetched. Old formats have no epoch (-1) and no latest timestamp. */
  advance(epoch: number, timestamp: number | undefined): void {
    this.#failures = 0
    if (epoch >= 0) this.#epoch = epoch
    this.#timestamp = timestamp ?? this.#timestamp
  }

  /** The leader numbers the epoch of the last batch otherwise. */
  correctEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  fail(): void {
    this.#failures++
  }

  succeed(): void {
    this.#failures = 0
  }

  /** Returns true when the bytes at this offset are found corrupt for the first time. */
  markCorrupt(offset: number): boolean {
    const isFirst = this.#corruptAt !== offset
    this.#corruptAt = offset
    return isFirst
  }

  clearCorrupt(): void {
    this.#corruptAt = -1
  }
}
