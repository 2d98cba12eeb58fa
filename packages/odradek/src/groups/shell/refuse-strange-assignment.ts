/**
 * An assignment of partitions that no topic has: the member says everything again, after a pause.
 */
import { ProtocolError } from '@odradek/protocol'

interface Assignment {
  readonly topicPartitions: readonly { readonly partitions: readonly number[] }[]
}

export function refuseStrangeAssignment(assignment: Assignment | null, groupId: string): void {
  for (const { partitions } of assignment?.topicPartitions ?? []) {
    const strange = partitions.find((partition) => partition < 0)
    if (strange === undefined) continue
    const text = `The coordinator of group "${groupId}" assigned partition ${strange}`
    throw new ProtocolError(text, { retriable: true })
  }
}
