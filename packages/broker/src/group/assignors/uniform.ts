/**
 * The uniform assignor: every member gets the same number of partitions, plus or minus one, and
 * keeps its previous ones as far as that allows. Members with different subscriptions are balanced
 * as far as these allow: no partition could move to a member that has two less.
 */
import { type PartitionKey, partitionKey, topicIdOf } from '../../cluster/topic-partitions.ts'
import type { Assignor, Subscriber } from './assignor.ts'

interface Share {
  readonly memberId: string
  readonly topicIds: ReadonlySet<string>
  readonly keys: Set<PartitionKey>
}

export const uniform: Assignor = (subscribers) => {
  const shares = subscribers.map(shareOf)
  const taken = keepPrevious(shares, subscribers)
  for (const key of wantedKeys(subscribers)) {
    if (!taken.has(key)) leastLoaded(shares, key)?.keys.add(key)
  }
  balance(shares)
  return new Map(shares.map(({ memberId, keys }) => [memberId, keys]))
}

function shareOf({ memberId, topics }: Subscriber): Share {
  return { memberId, topicIds: new Set(topics.map(({ id }) => id)), keys: new Set() }
}

function keepPrevious(
  shares: readonly Share[],
  subscribers: readonly Subscriber[],
): ReadonlySet<PartitionKey> {
  const wanted = wantedKeys(subscribers)
  const taken = new Set<PartitionKey>()
  subscribers.forEach(({ previous }, index) => {
    const share = shares[index]
    if (share === undefined) return
    for (const key of previous) {
      if (taken.has(key) || !wanted.has(key) || !share.topicIds.has(topicIdOf(key))) continue
      taken.add(key)
      share.keys.add(key)
    }
  })
  return taken
}

function wantedKeys(subscribers: readonly Subscriber[]): ReadonlySet<PartitionKey> {
  const keys = new Set<PartitionKey>()
  const seen = new Set<string>()
  for (const { topics } of subscribers) {
    for (const { id, partitions } of topics) {
      if (seen.has(id)) continue
      seen.add(id)
      for (let index = 0; index < partitions; index++) keys.add(partitionKey(id, index))
    }
  }
  return keys
}

function leastLoaded(shares: readonly Share[], key: PartitionKey): Share | undefined {
  const topicId = topicIdOf(key)
  let found: Share | undefined
  for (const share of shares) {
    if (!share.topicIds.has(topicId)) continue
    if (found === undefined || share.keys.size < found.keys.size) found = share
  }
  return found
}

/**
 * The member with most partitions gives one first. Each move balances two members, so this ends.
 */
function balance(shares: readonly Share[]): void {
  const byWealth = [...shares]
  do byWealth.sort((one, other) => other.keys.size - one.keys.size)
  while (byWealth.some((share) => give(share, shares)))
}

function give(share: Share, shares: readonly Share[]): boolean {
  // The partition that was added last moves first: older ones stay.
  for (const key of [...share.keys].toReversed()) {
    const poorer = leastLoaded(shares, key)
    if (poorer === undefined || poorer.keys.size + 1 >= share.keys.size) continue
    share.keys.delete(key)
    poorer.keys.add(key)
    return true
  }
  return false
}
