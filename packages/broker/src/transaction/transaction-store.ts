/** What survives every coordinator, as `__transaction_state` does in Kafka. */
import type { State } from './transaction.ts'

export interface StoredTransaction {
  state: State
  /** Grows with every coordinator that loads it; partitions refuse markers of older ones. */
  coordinatorEpoch: number
  /** When it was last stored, on the monotonic clock: unused ids expire. */
  updatedAt: number
}

export class TransactionStore {
  readonly #transactions = new Map<string, StoredTransaction>()

  get(transactionalId: string): StoredTransaction | undefined {
    return this.#transactions.get(transactionalId)
  }

  put(transactionalId: string, state: State, updatedAt: number): void {
    const stored = this.#transactions.get(transactionalId)
    if (stored === undefined) {
      this.#transactions.set(transactionalId, { state, coordinatorEpoch: 0, updatedAt })
    } else {
      stored.state = state
      stored.updatedAt = updatedAt
    }
  }

  delete(transactionalId: string): void {
    this.#transactions.delete(transactionalId)
  }

  entries(): IterableIterator<[string, StoredTransaction]> {
    return this.#transactions.entries()
  }
}
