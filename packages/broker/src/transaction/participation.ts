/**
 * How a write becomes part of a transaction (KIP-890): the leader of the partition, or the
 * coordinator of the group, asks the transaction's coordinator before it writes. Requests of the
 * second version add the partition or group to the transaction; older ones need AddPartitionsToTxn
 * or AddOffsetsToTxn before. The coordinator's error is mapped to one that the client's version
 * knows.
 */
import { ErrorCode } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { TransactionalWrite } from '../cluster/transactional-write.ts'
import { verificationError } from './transaction.machine.ts'
import { participantKey, participantsOf } from './transaction.ts'
import type { TransactionShell } from './transaction-shell.ts'

/** 0, or the error of the coordinator that refuses the write. */
export function participationError(cluster: ClusterState, write: TransactionalWrite): number {
  const coordinatorId = cluster.transactionCoordinators.coordinatorOf(write.transactionalId)
  const coordinator = cluster.nodes.get(coordinatorId)?.transactions
  return coordinator?.participationError(write) ?? ErrorCode.COORDINATOR_NOT_AVAILABLE
}

/** The coordinator's decision, once it has found the transaction. */
export function verifyWrite(transaction: TransactionShell, write: TransactionalWrite): number {
  const { participants, adds, producerId, producerEpoch } = write
  if (adds) {
    const added = transaction.ask({
      type: 'add',
      producerId,
      producerEpoch,
      participants: participantsOf(participants),
      isSecondVersion: true,
    })
    return errorFor(added.errorCode, write)
  }
  for (const participant of participants) {
    const identity = { producerId, producerEpoch }
    const error = verificationError(transaction.state, identity, participantKey(participant))
    if (error !== ErrorCode.NONE) return errorFor(error, write)
  }
  return ErrorCode.NONE
}

function errorFor(errorCode: number, { knowsAbortable }: TransactionalWrite): number {
  if (errorCode === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH
  const isUnknownWord = errorCode === ErrorCode.TRANSACTION_ABORTABLE && !knowsAbortable
  return isUnknownWord ? ErrorCode.INVALID_TXN_STATE : errorCode
}

/** Producers of the first version retry NOT_ENOUGH_REPLICAS without new metadata. */
export function produceErrorOf(errorCode: number, adds: boolean): number {
  switch (errorCode) {
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      return adds ? errorCode : ErrorCode.NOT_ENOUGH_REPLICAS
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return ErrorCode.NOT_ENOUGH_REPLICAS
    default:
      return errorCode
  }
}
