/** What survives every coordinator, as `__transaction_state` does in Kafka. */
import type { State } from './transaction.ts'

export interface StoredTransaction {
  state: State
  /** Grows with every coordinator that reads it; partitions refuse markers of older ones. */
  coordinatorEpoch: number
}

export class TransactionStore {
  readonly #transactions = new Map<string, StoredTransaction>()

  get(transactionalId: string): StoredTransaction | undefined {
    return this.#transactions.get(transactionalId)
  }

  put(transactionalId: string, state: State): void {
    const stored = this.#transactions.get(transactionalId)
    if (stored === undefined)
      this.#transactions.set(transactionalId, { state, coordinatorEpoch: 0 })
    else stored.state = state
  }

  entries(): IterableIterator<[string, StoredTransaction]> {
    return this.#transactions.entries()
  }
}
