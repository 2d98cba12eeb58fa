/** A write that asks the coordinator of its transaction to become part of it (KIP-890). */

/** Something that takes part in a transaction and gets its marker. */
export type Participant =
  | { readonly kind: 'partition'; readonly topic: string; readonly partition: number }
  /** The offsets of a group. */
  | { readonly kind: 'group'; readonly groupId: string }

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface TransactionalWrite extends ProducerIdentity {
  readonly transactionalId: string
  readonly participants: readonly Participant[]
  /** The request adds what it writes to: transaction version 2. */
  readonly adds: boolean
  /** The client knows TRANSACTION_ABORTABLE. */
  readonly knowsAbortable: boolean
}
