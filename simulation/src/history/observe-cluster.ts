/** Writes down what the brokers of an embedded cluster do. */
import type { EmbeddedCluster, GroupMemberView } from '@odradek/broker'
import { decodeAssignment, readRecordBatches } from '@odradek/protocol'
import type { TopicPartition } from './topic-partition.ts'
import type { History } from './history.ts'
import { readRecord } from './record-identity.ts'

export function observeCluster(
  cluster: EmbeddedCluster,
  history: History,
  { areTimestampsWanted = false }: { readonly areTimestampsWanted?: boolean } = {},
): void {
  cluster.on('append', ({ bytes, producerId, ...event }) => {
    const { nodeId, topic, partition, baseOffset, leaderEpoch } = event
    const { producerEpoch, baseSequence } = event
    history.add({
      type: 'appended',
      nodeId,
      topic,
      partition,
      baseOffset,
      leaderEpoch,
      producerId: String(producerId),
      producerEpoch,
      baseSequence,
      ids: idsOf(bytes),
      ...(areTimestampsWanted ? { timestamps: timestampsOf(bytes) } : {}),
    })
  })
  cluster.on('commit', (event) => {
    const { nodeId, connectionId, groupId, topic, partition, offset } = event
    const { generationId, memberId } = event
    history.add({
      type: 'committed',
      nodeId,
      connectionId,
      groupId,
      topic,
      partition,
      offset,
      generationId,
      memberId,
      clientId: event.clientId ?? '',
      ...formerTopicId(event),
    })
  })
  cluster.on('group', ({ nodeId, groupId, type, state, generationId, cause, members }) => {
    history.add({
      type: 'group',
      nodeId,
      groupId,
      ...(type === 'classic' ? {} : { protocol: type }),
      state,
      generationId,
      cause,
      members: members.map((member) => ({
        memberId: member.memberId,
        clientId: member.clientId,
        partitions: partitionsOf(member),
      })),
    })
  })
  cluster.on('expire', ({ topic, partition, logStartOffset: to, previousLogStartOffset: from }) => {
    history.add({ type: 'recordsGone', topic, partition, cause: 'expired', from, to })
  })
  const say = (what: string): void => history.add({ type: 'cluster', what })
  cluster.on('leader', ({ topic, partition, leaderId, leaderEpoch, endOffset: end }) => {
    history.add({ type: 'leader', topic, partition, leaderId, leaderEpoch, end })
  })
  cluster.on('share', ({ at: _at, topicId: _topicId, ...change }) => {
    history.add({ type: 'shareChanged', ...change })
  })
  cluster.on('coordinator', ({ groupId, nodeId }) => {
    say(`broker ${nodeId} coordinates group ${groupId}`)
  })
  cluster.on('transaction', ({ transactionalId, state, producerEpoch, cause }) => {
    say(`transaction ${transactionalId} is ${state} (epoch ${producerEpoch}, ${cause})`)
  })
  cluster.on('node', ({ nodeId, state }) => say(`broker ${nodeId} ${state}`))
  cluster.on('error', ({ nodeId, error }) => {
    history.add({ type: 'escaped', actor: `broker-${nodeId}`, error: describe(error) })
  })
}

/** What the client notes beside an offset, as docs/reading.md has it. */
const NOTED_TOPIC = /odradek:1(?:;[^;]*)*?;topic=([^;]+)/

function formerTopicId(event: { readonly topicId: string; readonly metadata: string | null }) {
  const noted = NOTED_TOPIC.exec(event.metadata ?? '')?.[1]
  return noted === undefined || noted === event.topicId ? {} : { formerTopicId: noted }
}

function timestampsOf(bytes: Buffer): readonly number[] {
  const timestamps: number[] = []
  for (const batch of readRecordBatches(bytes)) {
    if (batch.isControl || batch.isTransactional) continue
    const cursor = batch.records()
    while (cursor.next()) timestamps.push(cursor.timestamp)
  }
  return timestamps
}

function idsOf(bytes: Buffer): readonly string[] {
  const ids: string[] = []
  for (const batch of readRecordBatches(bytes)) {
    // What is written in transactions may be aborted: it is judged by what readers see of it.
    if (batch.isControl || batch.isTransactional) continue
    const cursor = batch.records()
    while (cursor.next()) ids.push(readRecord(cursor.key, cursor.value).id)
  }
  return ids
}

function partitionsOf({ assignment, modern }: GroupMemberView): readonly TopicPartition[] {
  if (modern !== null) {
    // Partitions of a topic that was deleted have no name any more.
    return [...modern.assigned, ...modern.pendingRevocation]
      .filter(({ topic }) => topic !== '')
      .map(({ topic, partition }) => ({ topic, partition }))
  }
  if (assignment.length === 0) return []
  return decodeAssignment(assignment).assignedPartitions.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}

/** An error with its causes, short enough for a line or two. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { readonly code?: unknown }).code
  const head = `${error.name}${typeof code === 'string' ? ` ${code}` : ''}: ${error.message}`
  return error.cause === undefined ? head : `${head} <- ${describe(error.cause)}`
}
