/**
 * The transactional ids that one broker coordinates. They are loaded when it is elected (the
 * timeout of an open transaction counts from its start, missing markers are written) and unloaded
 * when another broker is.
 */
import { ErrorCode } from '@odradek/protocol'
import type { BrokerContext } from '../cluster/broker-context.ts'
import type { TransactionService } from '../cluster/node-handle.ts'
import type { TransactionalWrite } from '../cluster/transactional-write.ts'
import { verifyWrite } from './participation.ts'
import { TransactionShell } from './transaction-shell.ts'
import type { TransactionStore } from './transaction-store.ts'

export type LocatedTransaction =
  | { readonly errorCode: 0; readonly transaction: TransactionShell }
  | { readonly errorCode: number; readonly transaction?: undefined }

export class TransactionCoordinator implements TransactionService {
  readonly #broker: BrokerContext
  readonly #store: TransactionStore
  readonly #shells = new Map<string, TransactionShell>()
  readonly #loading = new Set<string>()
  #isWatching = false

  constructor(broker: BrokerContext, store: TransactionStore) {
    this.#broker = broker
    this.#store = store
  }

  get transactions(): ReadonlyMap<string, TransactionShell> {
    return this.#shells
  }

  get isLoading(): boolean {
    return this.#loading.size > 0
  }

  elect(transactionalId: string): void {
    const { cluster } = this.#broker
    if (this.#shells.has(transactionalId) || this.#loading.has(transactionalId)) return
    if (this.#store.get(transactionalId) === undefined) return
    const { coordinatorLoadMs } = cluster.options
    if (coordinatorLoadMs === 0) {
      this.#open(transactionalId)
      return
    }
    this.#loading.add(transactionalId)
    this.#broker.later(coordinatorLoadMs, () => {
      if (this.#loading.delete(transactionalId)) this.#open(transactionalId)
    })
  }

  resign(transactionalId: string): void {
    this.#loading.delete(transactionalId)
    this.#shells.get(transactionalId)?.discard()
    this.#shells.delete(transactionalId)
  }

  close(): void {
    this.#loading.clear()
    for (const shell of this.#shells.values()) shell.discard()
    this.#shells.clear()
  }

  /** The transactional id, if this broker coordinates it, whether or not it was used before. */
  locate(transactionalId: string): LocatedTransaction {
    if (transactionalId === '') return { errorCode: ErrorCode.INVALID_REQUEST }
    const { cluster, nodeId } = this.#broker
    if (cluster.transactionCoordinators.coordinatorOf(transactionalId) !== nodeId) {
      return { errorCode: ErrorCode.NOT_COORDINATOR }
    }
    if (this.#loading.has(transactionalId)) {
      return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }
    }
    return {
      errorCode: 0,
      transaction: this.#shells.get(transactionalId) ?? this.#open(transactionalId),
    }
  }

  participationError(write: TransactionalWrite): number {
    const { errorCode, transaction } = this.locate(write.transactionalId)
    return transaction === undefined ? errorCode : verifyWrite(transaction, write)
  }

  #open(transactionalId: string): TransactionShell {
    const shell = new TransactionShell(this.#broker, {
      transactionalId,
      store: this.#store,
      onKept: () => this.#watch(),
    })
    this.#shells.set(transactionalId, shell)
    return shell
  }

  /** Removes unused ids periodically, while there are ids. */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const {
      transactionalIdExpirationMs: afterMs,
      transactionRemoveExpiredTransactionCleanupIntervalMs: intervalMs,
    } = this.#broker.cluster.options
    this.#broker.later(intervalMs, () => {
      this.#isWatching = false
      for (const [id, shell] of [...this.#shells]) if (shell.expire(afterMs)) this.resign(id)
      if (this.#shells.size > 0) this.#watch()
    })
  }
}
