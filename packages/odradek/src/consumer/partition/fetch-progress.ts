/**
 * What the fetches of one partition have shown: the last batch, how often they failed in a row, and
 * which replica is to be fetched from. Only `PartitionReader` writes it, but for the pace and the
 * replica, which are the fetcher's.
 */
import { Pace, type Paced } from '../../cluster/pace.ts'

/** One partition's part of a fetch request, compared by identity. */
export interface PartitionFetch {
  readonly fetchOffset: number
}

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
  readonly #pace = new Pace()
  #corruptAt = -1
  #preferredReplica: PreferredReplica | undefined

  get epoch(): number {
    return this.#epoch
  }

  /** The latest timestamp of the last batch; undefined before the first. */
  get timestamp(): number | undefined {
    return this.#timestamp
  }

  /** By the monotonic clock: what went wrong is not tried again before. */
  get notBefore(): number {
    return this.#pace.notBefore
  }

  /** A follower that the leader chose (KIP-392); it is fetched from instead of the leader. */
  get preferredReplica(): PreferredReplica | undefined {
    return this.#preferredReplica
  }

  preferReplica(replica: PreferredReplica | undefined): void {
    this.#preferredReplica = replica
  }

  /**
   * Fetching begins at another position, behind a batch of this epoch: that alone is no progress.
   */
  restart(epoch: number): void {
    this.#epoch = epoch
    this.#corruptAt = -1
  }

  /** The log is another one: nothing that was fetched tells anything about it. */
  reset(): void {
    this.#timestamp = undefined
    this.#preferredReplica = undefined
  }

  /** A batch was fetched. Old formats have no epoch (-1) and no latest timestamp. */
  advance(epoch: number, timestamp: number | undefined): void {
    this.#pace.progressed()
    if (epoch >= 0) this.#epoch = epoch
    this.#timestamp = timestamp ?? this.#timestamp
  }

  /** The leader numbers the epoch of the last batch otherwise. */
  correctEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  /** A fetch brought an error, or no progress; returns when to fetch again. */
  fail(paced: Paced): number {
    this.#pace.failed(paced)
    return this.#pace.notBefore
  }

  succeed(): void {
    this.#pace.progressed()
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
