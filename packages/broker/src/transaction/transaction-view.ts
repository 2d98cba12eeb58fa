/** A transactional id as events and descriptions show it. */
import type { TransactionView } from '../cluster/cluster-events.ts'
import type { State } from './transaction.ts'

export function viewOfTransaction(transactionalId: string, state: State): TransactionView {
  const { phase, producerId, producerEpoch, timeoutMs } = state
  const participants = 'participants' in phase ? [...phase.participants.values()] : []
  return {
    transactionalId,
    state: phase.name,
    producerId,
    producerEpoch,
    timeoutMs,
    startedAt: 'startedAt' in phase ? phase.startedAt : null,
    partitions: participants.flatMap((one) =>
      one.kind === 'partition' ? [{ topic: one.topic, partition: one.partition }] : [],
    ),
    groupIds: participants.flatMap((one) => (one.kind === 'group' ? [one.groupId] : [])),
  }
}
