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
 * second phase therefore finds its place without a third one.
 */
import type { TopicPartition } from '../../../events/topic-partition.ts'
import type { AssignorInput, GroupMember } from './assignor.ts'
import { compareText } from './member-order.ts'

/** Topics that the very same members want are one kind: a partition of one fits where others do. */
interface Kind {
  readonly candidates: readonly Share[]
}

interface Share {
  readonly memberId: string
  readonly kept: Map<Kind, TopicPartition[]>
  readonly fresh: Map<Kind, TopicPartition[]>
  load: number
}

interface Hop {
  readonly from: Share
  readonly to: Share
  readonly kind: Kind
}

export interface BalanceInput {
  /** In the order in which they are served. */
  readonly members: readonly GroupMember[]
  readonly partitionCounts: AssignorInput['partitionCounts']
  readonly heldBy: ReadonlyMap<string, readonly TopicPartition[]>
}

export function balance(input: BalanceInput): Map<string, TopicPartition[]> {
  const shares = input.members.map(({ memberId }): Share => {
    return { memberId, kept: new Map(), fresh: new Map(), load: 0 }
  })
  const kinds = kindsOf(input, shares)
  const heldKeys = new Map<string, Set<number>>()
  for (const share of shares) {
    for (const held of input.heldBy.get(share.memberId) ?? []) {
      const kind = kinds.get(held.topic)
      if (kind === undefined) continue
      push(share.kept, kind, held)
      share.load++
      heldKeys.set(held.topic, (heldKeys.get(held.topic) ?? new Set()).add(held.partition))
    }
  }
  giveOutTheRest(input, kinds, heldKeys)
  evenOut(shares, ['fresh'])
  evenOut(shares, ['fresh', 'kept'])
  return new Map(
    shares.map(({ memberId, kept, fresh }) => {
      const own = [...kept.values(), ...fresh.values()].flat()
      own.sort((a, b) => compareText(a.topic, b.topic) || a.partition - b.partition)
      return [memberId, own]
    }),
  )
}

function kindsOf(input: BalanceInput, shares: readonly Share[]): Map<string, Kind> {
  const candidatesOf = new Map<string, number[]>()
  input.members.forEach(({ topics }, index) => {
    for (const topic of new Set(topics)) {
      if (!input.partitionCounts.has(topic)) continue
      const candidates = candidatesOf.get(topic)
      if (candidates === undefined) candidatesOf.set(topic, [index])
      else candidates.push(index)
    }
  })
  const kinds = new Map<string, Kind>()
  const bySignature = new Map<string, Kind>()
  for (const topic of [...candidatesOf.keys()].sort(compareText)) {
    const indexes = candidatesOf.get(topic) ?? []
    const signature = indexes.join()
    let kind = bySignature.get(signature)
    if (kind === undefined) {
      const chosen = new Set(indexes)
      kind = { candidates: shares.filter((_share, index) => chosen.has(index)) }
      bySignature.set(signature, kind)
    }
    kinds.set(topic, kind)
  }
  return kinds
}

/** Partitions that the fewest members want first, each to the least loaded of those. */
function giveOutTheRest(
  input: BalanceInput,
  kinds: ReadonlyMap<string, Kind>,
  held: ReadonlyMap<string, ReadonlySet<number>>,
): void {
  const topics = [...kinds].sort(
    ([a, kindA], [b, kindB]) =>
      kindA.candidates.length - kindB.candidates.length || compareText(a, b),
  )
  for (const [topic, kind] of topics) {
    const count = input.partitionCounts.get(topic) ?? 0
    const taken = held.get(topic)
    for (let partition = 0; partition < count; partition++) {
      if (taken?.has(partition) === true) continue
      const share = leastLoaded(kind.candidates)
      if (share === undefined) continue
      push(share.fresh, kind, { topic, partition })
      share.load++
    }
  }
}

function leastLoaded(shares: readonly Share[]): Share | undefined {
  let best: Share | undefined
  for (const share of shares) if (best === undefined || share.load < best.load) best = share
  return best
}

type Pile = 'fresh' | 'kept'

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

function handOver({ from, to, kind }: Hop, piles: readonly Pile[]): void {
  for (const pile of piles) {
    const moved = from[pile].get(kind)?.pop()
    if (moved === undefined) continue
    from.load--
    push(to.fresh, kind, moved)
    to.load++
    return
  }
}

function push(pile: Map<Kind, TopicPartition[]>, kind: Kind, partition: TopicPartition): void {
  const partitions = pile.get(kind)
  if (partitions === undefined) pile.set(kind, [partition])
  else partitions.push(partition)
}
