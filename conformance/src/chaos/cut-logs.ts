/**
 * What an unclean election took, by comparing a topic's logs as they were with what they are in the
 * end: from the first offset that holds another record, or none, to the end as it was. Pure.
 */
export interface Cut {
  readonly partition: number
  readonly from: number
  /** Behind the last record that is gone. */
  readonly to: number
}

/** Both by `partition offset`. */
export function cutsOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly Cut[] {
  const ends = new Map<number, number>()
  const firstGone = new Map<number, number>()
  for (const [place, id] of before) {
    const [partition = 0, offset = 0] = place.split(' ').map(Number)
    ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1))
    if (after.get(place) === id) continue
    firstGone.set(partition, Math.min(firstGone.get(partition) ?? offset, offset))
  }
  return [...firstGone].map(([partition, from]) => {
    return { partition, from, to: ends.get(partition) ?? from }
  })
}
