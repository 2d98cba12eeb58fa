/**
 * What other rooms may take from here: the checkers and histories that judge real clusters, too.
 */
export { type Bounds, CHECKERS, type Checker, judge, type Verdict } from './checkers/index.ts'
export { formatEvent } from './history/format.ts'
export { History } from './history/history.ts'
export type { EventOf, HistoryEvent, NewEvent } from './history/event.ts'
export { observeClient } from './history/observe-client.ts'
export {
  RawTransactionalProducer,
  type RawMember,
  type RawProducerOptions,
} from './scenarios/raw-transactions.test-kit.ts'
export { describe } from './history/observe-cluster.ts'
export { type IdentifiedRecord, readRecord, recordOf } from './history/record-identity.ts'
