/**
 * Of all divisions that are equally even, finds one in which as many partitions as can be are near
 * to their readers, by moving few.
 *
 * Draw an arrow from each member to each other one that could take a partition from it; it costs 1
 * if that makes a near one far, -1 if it makes a far one near, else nothing. An arrow for free goes
 * from who has one partition fewer to who has one more: handing over along a path and back on it
 * swaps their loads, and the division stays as even. A division is the nearest exactly when there
 * is no round trip of negative cost (the criterion of minimum-cost flows); while there is one,
 * everybody on it hands a partition on. Bellman and Ford find them, several at a time.
 */
import { handOver, type Hop, isFar, type Kind, type Pile, type Share } from './shares.ts'

/** From member to member by index; `kind` is absent where nothing needs to be handed over. */
interface Arrow {
  readonly from: number
  readonly to: number
  readonly cost: number
  readonly kind: Kind | undefined
}

export function bringNear(shares: readonly Share[], piles: readonly Pile[]): void {
  const places = placesOf(shares)
  for (;;) {
    const trips = roundTrips(shares.length, arrowsOf(shares, piles, places))
    if (trips.length === 0) return
    for (const trip of trips) {
      const hops = trip.flatMap(({ from, to, kind }) => hopOf(shares[from], shares[to], kind))
      // Where nobody's load changes the same trip can be made again.
      const times = hops.length < trip.length ? 1 : Math.min(...hops.map(stockOf(piles)))
      for (let i = 0; i < times; i++) for (const hop of hops) handOver(hop, piles)
    }
  }
}

function hopOf(from?: Share, to?: Share, kind?: Kind): readonly Hop[] {
  return from === undefined || to === undefined || kind === undefined ? [] : [{ from, to, kind }]
}

function stockOf(piles: readonly Pile[]): (hop: Hop) => number {
  return ({ from, kind }) =>
    piles.reduce((sum, pile) => sum + (from[pile].get(kind)?.length ?? 0), 0)
}

/** By kind: the indexes of its candidates, and what a partition of it costs there (0 or 1). */
type Places = ReadonlyMap<Kind, { readonly at: readonly number[]; readonly costs: Uint8Array }>

function placesOf(shares: readonly Share[]): Places {
  const indexOf = new Map(shares.map((share, index) => [share, index]))
  const kinds = new Set(shares.flatMap(({ kept, fresh }) => [...kept.keys(), ...fresh.keys()]))
  return new Map(
    [...kinds].map((kind) => [
      kind,
      {
        at: kind.candidates.map((share) => indexOf.get(share) ?? -1),
        costs: Uint8Array.from(shares, (share) => (isFar(share, kind) ? 1 : 0)),
      },
    ]),
  )
}

const NO_ARROW = 2

function arrowsOf(
  shares: readonly Share[],
  piles: readonly Pile[],
  places: Places,
): readonly Arrow[] {
  const arrows: Arrow[] = []
  shares.forEach((share, from) => {
    const cheapest = new Int8Array(shares.length).fill(NO_ARROW)
    const by: (Kind | undefined)[] = shares.map(() => undefined)
    shares.forEach(({ load }, to) => {
      if (load === share.load + 1) cheapest[to] = 0
    })
    for (const pile of piles) {
      for (const [kind, partitions] of share[pile]) {
        const place = partitions.length === 0 ? undefined : places.get(kind)
        if (place === undefined) continue
        const before = place.costs[from] ?? 0
        for (const to of place.at) {
          const cost = (place.costs[to] ?? 0) - before
          if (cost >= (cheapest[to] ?? NO_ARROW) || to === from) continue
          cheapest[to] = cost
          by[to] = kind
        }
      }
    }
    cheapest.forEach((cost, to) => {
      if (cost < NO_ARROW) arrows.push({ from, to, cost, kind: by[to] })
    })
  })
  return arrows
}

/** Round trips of negative cost that have no member in common; none when there is none. */
function roundTrips(count: number, arrows: readonly Arrow[]): readonly (readonly Arrow[])[] {
  const costs = new Int32Array(count)
  const arrivals = Array.from({ length: count }, (): Arrow | undefined => undefined)
  for (let isShorter = true; isShorter; ) {
    isShorter = false
    for (const arrow of arrows) {
      const cost = (costs[arrow.from] ?? 0) + arrow.cost
      if (cost >= (costs[arrow.to] ?? 0)) continue
      costs[arrow.to] = cost
      arrivals[arrow.to] = arrow
      isShorter = true
    }
    const trips = tripsAmong(arrivals)
    if (trips.length > 0) return trips
  }
  return []
}

/** Everybody was reached by one arrow at most: following them back ends, or goes around. */
function tripsAmong(arrivals: readonly (Arrow | undefined)[]): readonly (readonly Arrow[])[] {
  const trips: (readonly Arrow[])[] = []
  const seenIn = new Map<number, number>()
  arrivals.forEach((_arrival, start) => {
    const walk: Arrow[] = []
    let at = start
    let arrow = arrivals[at]
    while (arrow !== undefined && !seenIn.has(at)) {
      seenIn.set(at, start)
      walk.push(arrow)
      at = arrow.from
      arrow = arrivals[at]
    }
    if (arrow === undefined || seenIn.get(at) !== start) return
    const first = walk.findIndex(({ to }) => to === at)
    if (first >= 0) trips.push(walk.slice(first).toReversed())
  })
  return trips
}
