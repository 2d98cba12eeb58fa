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
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { AssignorInput, GroupMember } from './assignor.ts'
import { leastFirst, LoadHeap, mostFirst } from './load-heap.ts'
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
  const shares = input.members.map(({ memberId, rackId }, order): Share => {
    return { memberId, rackId, order, kept: new Map(), fresh: new Map(), load: 0 }
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
  // The search for round trips takes more than the square of the members: beyond this it is left
  // out, and only what was handed out afresh is near.
  if (racks !== undefined && shares.length <= MAX_MEMBERS_TO_EXCHANGE) {
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

const MAX_MEMBERS_TO_EXCHANGE = 300

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
        const candidates = shares.filter((_share, index) => chosen.has(index))
        kind = { candidates, isCandidate: new Set(candidates), racks: near }
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
  const heaps = new Map<Kind, LoadHeap>()
  for (const [topic, ofTopic] of topics) {
    const taken = held.get(topic)
    ofTopic.forEach((kind, partition) => {
      if (taken?.has(partition) === true) return
      let heap = heaps.get(kind)
      if (heap === undefined) {
        heap = new LoadHeap(leastFirst)
        for (const one of kind.candidates) heap.push(one, preference(one, kind))
        heaps.set(kind, heap)
      }
      const share = takeLeast(heap, (one) => preference(one, kind))
      if (share === undefined) return
      push(share.fresh, kind, { topic, partition })
      share.load++
    })
  }
}

/** Of equal loads a near member comes first, then the first in order. */
function preference(share: Share, kind: Kind): number {
  return share.order + (isFar(share, kind) ? FAR : 0)
}

const FAR = 2 ** 32

/**
 * Loads grow by partitions of other kinds, too: who is out of date is put back where it belongs.
 */
function takeLeast(heap: LoadHeap, orderOf: (share: Share) => number): Share | undefined {
  for (;;) {
    const { top } = heap
    if (top === undefined) return undefined
    if (top.load === top.share.load) return top.share
    heap.dropFirst()
    heap.push(top.share, orderOf(top.share))
  }
}

/** Of equals the first. */
function leastLoaded(shares: readonly Share[]): Share | undefined {
  let best: Share | undefined
  for (const share of shares) {
    if (best === undefined || share.load < best.load) best = share
  }
  return best
}

/**
 * The most loaded gives, as long as the least loaded has at least two partitions fewer. A source
 * without an improving path rules out everything that it reaches: what is reached from
 * there is reached from the source, too, and none of it has a load below the source's by two. So
 * each member is searched once, and not at all where loads differ by one at most.
 */
function evenOut(shares: readonly Share[], piles: readonly Pile[]): void {
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false
    const exhausted = new Set<Share>()
    const heaps = new Map<Kind, LoadHeap>()
    const [most, least] = [new LoadHeap(mostFirst), new LoadHeap(leastFirst)]
    for (const share of shares) {
      if (piles.some((pile) => share[pile].size > 0)) most.push(share, share.order)
      least.push(share, share.order)
    }
    const noteMoved = (share: Share): void => {
      most.push(share, share.order)
      least.push(share, share.order)
    }
    for (;;) {
      const source = most.first
      const target = least.first
      if (source === undefined || target === undefined || target.load > source.load - 2) break
      if (exhausted.has(source)) {
        most.dropFirst()
        continue
      }
      const direct = directHop(source, target, piles) ?? bestHop(source, piles, heaps)
      const { path, reached } =
        direct === undefined
          ? improvingPath(source, piles, exhausted)
          : { path: [direct], reached: [] }
      for (const share of reached) exhausted.add(share)
      for (const hop of path) handOver(hop, piles)
      if (path.length === 0) continue
      hasMoved = true
      noteMoved(source)
      const { to } = path.at(-1) as Hop
      noteMoved(to)
    }
  }
}

/** Mostly the least loaded of all can take a partition itself: no path has to be searched. */
function directHop(from: Share, to: Share, piles: readonly Pile[]): Hop | undefined {
  for (const pile of piles) {
    for (const [kind, partitions] of from[pile]) {
      if (partitions.length > 0 && kind.isCandidate.has(to)) return { from, to, kind }
    }
  }
  return undefined
}

/**
 * The improving path of one hop that a search finds first, without a look at every candidate. The
 * heaps may miss a member that gave partitions away: no source is loaded enough to give to it.
 */
function bestHop(from: Share, piles: readonly Pile[], heaps: Map<Kind, LoadHeap>): Hop | undefined {
  let best: Hop | undefined
  for (const pile of piles) {
    for (const [kind, partitions] of from[pile]) {
      if (partitions.length === 0) continue
      let heap = heaps.get(kind)
      if (heap === undefined) {
        heap = new LoadHeap(leastFirst)
        for (const one of kind.candidates) heap.push(one, one.order)
        heaps.set(kind, heap)
      }
      const to = takeLeast(heap, ({ order }) => order)
      if (to === undefined || to.load > from.load - 2) continue
      if (best === undefined || to.load < best.to.load) best = { from, to, kind }
    }
  }
  return best
}

/** The shortest improving path from `source`, to the least loaded of those at its end. */
function improvingPath(
  source: Share,
  piles: readonly Pile[],
  exhausted: ReadonlySet<Share>,
): { readonly path: readonly Hop[]; readonly reached: Iterable<Share> } {
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
            if (reachedBy.has(to) || exhausted.has(to)) continue
            reachedBy.set(to, { from, to, kind })
            next.push(to)
          }
        }
      }
    }
    const target = leastLoaded(next)
    if (target !== undefined && target.load <= source.load - 2) {
      return { path: pathTo(target, reachedBy), reached: [] }
    }
    frontier = next
  }
  return { path: [], reached: reachedBy.keys() }
}

function pathTo(target: Share, reachedBy: ReadonlyMap<Share, Hop | undefined>): readonly Hop[] {
  const path: Hop[] = []
  for (let hop = reachedBy.get(target); hop !== undefined; hop = reachedBy.get(hop.from)) {
    path.unshift(hop)
  }
  return path
}
