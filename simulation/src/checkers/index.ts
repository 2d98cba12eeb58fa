/** All promises, in the order in which a failure is best looked at: causes before consequences. */
import type { HistoryEvent } from '../history/event.ts'
import { acknowledgedIsDelivered } from './acknowledged-is-delivered.ts'
import type { Bounds, Checker, Violation } from './checker.ts'
import { commitsNeverDecrease } from './commits-never-decrease.ts'
import { commitsWereRequested } from './commits-were-requested.ts'
import { committedWasProcessed } from './committed-was-processed.ts'
import { eachIsSettled } from './each-is-settled.ts'
import { deliveredInOrder } from './delivered-in-order.ts'
import { deliveredWasSent } from './delivered-was-sent.ts'
import { copiedOnce } from './copied-once.ts'
import { endsDrained } from './ends-drained.ts'
import { groupSettles } from './group-settles.ts'
import { lossIsTold } from './loss-is-told.ts'
import { locksAreKept } from './locks-are-kept.ts'
import { logHasEachOnce } from './log-has-each-once.ts'
import { membersStay } from './members-stay.ts'
import { nothingEscapes } from './nothing-escapes.ts'
import { nothingIsLeft } from './nothing-is-left.ts'
import { nothingStalls } from './nothing-stalls.ts'
import { oneHand } from './one-hand.ts'
import { oneOwner } from './one-owner.ts'
import { outcomesAreTrue } from './outcomes-are-true.ts'
import { rebalancesAreFew } from './rebalances-are-few.ts'
import { settledAsSaid } from './settled-as-said.ts'
import { startsAreNotCommitted } from './starts-are-not-committed.ts'

export type { Bounds, Checker, Violation } from './checker.ts'

export const CHECKERS: readonly Checker[] = [
  nothingEscapes,
  logHasEachOnce,
  outcomesAreTrue,
  deliveredWasSent,
  oneOwner,
  oneHand,
  settledAsSaid,
  deliveredInOrder,
  committedWasProcessed,
  commitsWereRequested,
  startsAreNotCommitted,
  commitsNeverDecrease,
  acknowledgedIsDelivered,
  lossIsTold,
  eachIsSettled,
  locksAreKept,
  copiedOnce,
  endsDrained,
  nothingStalls,
  membersStay,
  groupSettles,
  rebalancesAreFew,
  nothingIsLeft,
]

export interface Verdict extends Violation {
  readonly checker: Checker
}

export function judge(events: readonly HistoryEvent[], bounds: Bounds): readonly Verdict[] {
  return CHECKERS.flatMap((checker) =>
    checker.check(events, bounds).map((violation) => ({ ...violation, checker })),
  )
}
