/**
 * One clock for everything that a chaos scenario sees: the machine's, with which brokers stamp,
 * too, in whole milliseconds. (What a process adds to the time of its own start is off by as long
 * as that start took.) What happened within one millisecond is put in the order in which it can
 * have been.
 */
import type { HistoryEvent } from '@odradek/simulation'

/** Now, in ms since the epoch. */
export const now = (): number => Date.now()

/** A record is sent, then it is in the log, then clients see it, then it is committed. */
const RANKS: Partial<Record<HistoryEvent['type'], number>> = {
  sending: 0,
  appended: 1,
  committed: 3,
}
const OF_CLIENTS = 2

export function inOrder(a: HistoryEvent, b: HistoryEvent): number {
  return a.at - b.at || rankOf(a) - rankOf(b)
}

const rankOf = ({ type }: HistoryEvent): number => RANKS[type] ?? OF_CLIENTS
