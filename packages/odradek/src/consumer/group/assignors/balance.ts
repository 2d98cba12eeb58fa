/**
 * Divides partitions as evenly as subscriptions allow while moving as little as possible.
 *
 * The load of a member is the number of its partitions. A division is as even as can be exactly
 * when there is no *improving path*: a chain of members in which each hands one partition to the
 * next, the last one having at least two fewer than the first (Harvey et al., "Semi-matchings for
 * bipartite graphs"). So: everybody keeps what it holds, the rest goes to the least loaded, then
 * improving paths are followed until there is none. Each lowers the sum of the squared loads, so
 * it ends, and a division without one is left as it is: a fixpoint.
 *
 * Paths over partitions that nobody held come first; they move nothing. What is handed over in a
 * second phase therefore finds its place without a third one. Racks come last (`near.ts`): of even
 * divisions, one in which most partitions are near to their readers.
 */
import type { TopicPartition } from '../../../events/topic-partition.ts'
import type { AssignorInput, GroupMember } from './assignor.ts'
import { compareText } from './member-order.ts'
import { bringNear } from './near.ts'
import { racksMatter, racksOf } from './racks.ts'
import { handOver, type Hop, isFar, type Kind, type Pile, push, type Share } from './shares.ts'

export interface BalanceInput extends AssignorInput {
  /** In the order in which they are served. */
  readonly members: readonly GroupMember[]
  readonly heldBy: ReadonlyMap<string, readonly TopicPartition[]>
}

/** The kind of each partition, by topic. */
type Kinds = ReadonlyMap<string, readonly Kind[]>

export function balance(input: BalanceInput): Map<string, TopicPartition[]> {
  const shares = input.members.map(({ memberId, rackId }): Share => {
    return { memberId, rackId, kept: new Map(), fresh: new Map(), load: 0 }
  })
  const racks = worthwhileRacks(input)
  const kinds = kindsOf(input, shares, racks)
  const heldKeys = new Map<string, Set<number>>()
  for (const share of shares) {
    for (const held of input.heldBy.get(share.memberId) ?? []) {
      const kind = kinds.get(held.topic)?.[held.partition]
      if (kind === undefined) continue
      push(share.kept, kind, held)
      share.load++
      heldKeys.set(held.topic, (heldKeys.get(held.topic) ?? new Set()).add(held.partition))
    }
  }
  giveOutTheRest(kinds, heldKeys)
  evenOut(shares, ['fresh'])
  evenOut(shares, ['fresh', 'kept'])
  if (racks !== undefined) {
    bringNear(shares, ['fresh'])
    bringNear(shares, ['fresh', 'kept'])
  }
  return new Map(
    shares.map(({ memberId, kept, fresh }) => {
      const own = [...kept.values(), ...fresh.values()].flat()
      own.sort((a, b) => compareText(a.topic, b.topic) || a.partition - b.partition)
      return [memberId, own]
    }),
  )
}

type Racks = ReadonlyMap<string, readonly ReadonlySet<string>[]>

/** The racks of all partitions, if it makes a difference to know them. */
function worthwhileRacks(input: BalanceInput): Racks | undefined {
  if (input.partitionRacks === undefined) return undefined
  const racks = new Map(
    [...input.partitionCounts.keys()].map((topic) => [topic, racksOf(input, topic)]),
  )
  return racksMatter(input.members, [...racks.values()].flat()) ? racks : undefined
}

function kindsOf(input: BalanceInput, shares: readonly Share[], racks: Racks | undefined): Kinds {
  const candidatesOf = new Map<string, number[]>()
  input.members.forEach(({ topics }, index) => {
    for (const topic of new Set(topics)) {
      if (!input.partitionCounts.has(topic)) continue
      const candidates = candidatesOf.get(topic)
      if (candidates === undefined) candidatesOf.set(topic, [index])
      else candidates.push(index)
    }
  })
  const kinds = new Map<string, readonly Kind[]>()
  const bySignature = new Map<string, Kind>()
  for (const topic of [...candidatesOf.keys()].sort(compareText)) {
    const indexes = candidatesOf.get(topic) ?? []
    const count = input.partitionCounts.get(topic) ?? 0
    const chosen = new Set(indexes)
    const wanted = indexes.join()
    const kindAt = (_one: unknown, partition: number): Kind => {
      const near = racks?.get(topic)?.[partition]
      const signature = near === undefined ? wanted : JSON.stringify([wanted, ...[...near].sort()])
      let kind = bySignature.get(signature)
      if (kind === undefined) {
        kind = { candidates: shares.filter((_share, index) => chosen.has(index)), racks: near }
        bySignature.set(signature, kind)
      }
      return kind
    }
    kinds.set(topic, Array.from({ length: count }, kindAt))
  }
  return kinds
}

/** Partitions that the fewest members want first, each to the least loaded of those. */
function giveOutTheRest(kinds: Kinds, held: ReadonlyMap<string, ReadonlySet<number>>): void {
  const eagerness = (ofTopic: readonly Kind[]): number => ofTopic[0]?.candidates.length ?? 0
  const topics = [...kinds].sort(
    ([a, kindsA], [b, kindsB]) => eagerness(kindsA) - eagerness(kindsB) || compareText(a, b),
  )
  for (const [topic, ofTopic] of topics) {
    const taken = held.get(topic)
    ofTopic.forEach((kind, partition) => {
      if (taken?.has(partition) === true) return
      const share = leastLoaded(kind.candidates, kind)
      if (share === undefined) return
      push(share.fresh, kind, { topic, partition })
      share.load++
    })
  }
}

/** Of equals the first; but one that is near, if the kind is given. */
function leastLoaded(shares: readonly Share[], kind?: Kind): Share | undefined {
  let best: Share | undefined
  for (const share of shares) {
    if (best === undefined || share.load < best.load) best = share
    else if (kind === undefined || share.load > best.load) continue
    else if (isFar(best, kind) && !isFar(share, kind)) best = share
  }
  return best
}

function evenOut(shares: readonly Share[], piles: readonly Pile[]): void {
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false
    const exhausted = new Set<Share>()
    for (;;) {
      const source = mostLoaded(shares, exhausted)
      if (source === undefined) break
      const path = improvingPath(source, piles)
      if (path.length === 0) exhausted.add(source)
      else {
        for (const hop of path) handOver(hop, piles)
        hasMoved = true
      }
    }
  }
}

function mostLoaded(shares: readonly Share[], except: ReadonlySet<Share>): Share | undefined {
  let best: Share | undefined
  for (const share of shares) {
    if (except.has(share)) continue
    // Of equals the last one gives: the first in order were served first.
    if (best === undefined || share.load >= best.load) best = share
  }
  return best
}

/** The shortest improving path from `source`, to the least loaded of those at its end. */
function improvingPath(source: Share, piles: readonly Pile[]): readonly Hop[] {
  const reachedBy = new Map<Share, Hop | undefined>([[source, undefined]])
  const seenKinds = new Set<Kind>()
  let frontier: Share[] = [source]
  while (frontier.length > 0) {
    const next: Share[] = []
    for (const from of frontier) {
      for (const pile of piles) {
        for (const [kind, partitions] of from[pile]) {
          if (partitions.length === 0 || seenKinds.has(kind)) continue
          seenKinds.add(kind)
          for (const to of kind.candidates) {
            if (reachedBy.has(to)) continue
            reachedBy.set(to, { from, to, kind })
            next.push(to)
          }
        }
      }
    }
    const target = leastLoaded(next)
    if (target !== undefined && target.load <= source.load - 2) return pathTo(target, reachedBy)
    frontier = next
  }
  return []
}

function pathTo(target: Share, reachedBy: ReadonlyMap<Share, Hop | undefined>): readonly Hop[] {
  const path: Hop[] = []
  for (let hop = reachedBy.get(target); hop !== undefined; hop = reachedBy.get(hop.from)) {
    path.unshift(hop)
  }
  return path
}
