/**
 * What a real cluster tells of a run, once it is over, as events of the history: the topic's log
 * (stamped by its leader) and what coordinators wrote down of the group.
 *
 * Coordinators stamp in whole milliseconds, cut off (see `wall-clock.ts`); an append never comes
 * before its record was handed to the producer.
 *
 * Nor do they tell on which connection a commit came. One that goes back, of a member that gave up
 * a connection to the coordinator not long before, is taken for one that had lain there: it is for
 * the checker to see that it is put right before anybody starts from it.
 */
import { type HistoryEvent, readRecord } from '@odradek/simulation'
import type { ConsumerOptions, ConsumerRecord, Kafka, TopicPartition } from 'odradek'
import { type CoordinatorRecord, decodeCoordinatorRecord } from './offsets-topic.ts'
import { readTopic } from './read-topic.ts'

export interface Lives {
  /** Who had this static name at that time; dynamic members are who their client id says. */
  actorOf(groupInstanceId: string | null, clientId: string, at: number): string
  /** How many connections to the coordinator it gave up between two times. */
  givenUpBy(actor: string, from: number, to: number): number
}

export interface Watched {
  readonly topic: string
  readonly groupId: string
  /** Ms since the epoch at which the history began. */
  readonly startedAt: number
  readonly lives: Lives
  readonly isolationLevel?: ConsumerOptions['isolationLevel']
}

export type Appended = Extract<HistoryEvent, { readonly type: 'appended' }>

const OFFSETS_TOPIC = '__consumer_offsets'
/** So long a request may lie with a broker that does not answer. */
const LATE_MS = 60_000

export async function appendedEvents(
  kafka: Kafka,
  { topic, startedAt, isolationLevel }: Watched,
  known: readonly HistoryEvent[],
): Promise<Appended[]> {
  const events: Appended[] = []
  const sentAt = new Map<string, number>()
  for (const event of known) {
    if (event.type === 'sending') for (const id of event.ids) sentAt.set(id, event.at)
  }
  const enter = ({ partition, offset, timestamp, key, value, leaderEpoch }: ConsumerRecord) => {
    const { id } = readRecord(key, value)
    const at = Math.max(timestamp - startedAt, sentAt.get(id) ?? 0)
    events.push({
      ...{ type: 'appended', at, nodeId: 0, topic, partition, leaderEpoch },
      ...{ producerId: '', producerEpoch: 0, baseSequence: 0, baseOffset: offset },
      ids: [id],
    })
  }
  await readTopic(kafka, topic, enter, isolationLevel)
  return events
}

export async function coordinatorEvents(kafka: Kafka, watched: Watched): Promise<HistoryEvent[]> {
  const { groupId, topic } = watched
  const records: CoordinatorRecord[] = []
  await readTopic(kafka, OFFSETS_TOPIC, ({ key, value, timestamp }) => {
    if (key === null) return
    const record = decodeCoordinatorRecord(key, value, timestamp)
    if (record?.groupId === groupId) records.push(record)
  })
  const topicId = await topicIdOf(kafka, topic)
  const group = new GroupOfRecords(watched, topicId)
  return records.flatMap((record) => group.follow(record))
}

async function topicIdOf(kafka: Kafka, topic: string): Promise<string> {
  await using admin = kafka.admin()
  return (await admin.describeTopics([topic])).get(topic)?.topicId ?? ''
}

interface KnownMember {
  readonly clientId: string
  readonly groupInstanceId: string | null
  readonly epoch: number
  readonly isStable: boolean
  readonly partitions: readonly TopicPartition[]
}

/** Follows the records of one group; under KIP-848 its state is spread over many of them. */
class GroupOfRecords {
  readonly #watched: Watched
  readonly #topicId: string
  readonly #members = new Map<string, KnownMember>()
  /** Who had a partition last: commits are theirs, their last one as they give it up included. */
  readonly #owners = new Map<number, string>()
  readonly #committed = new Map<number, number>()
  #epoch = 0
  #last = ''

  constructor(watched: Watched, topicId: string) {
    this.#watched = watched
    this.#topicId = topicId
  }

  follow(record: CoordinatorRecord): HistoryEvent[] {
    const { groupId, topic, startedAt, lives } = this.#watched
    const at = record.at - startedAt
    switch (record.kind) {
      case 'offset': {
        if (record.offset === null || record.topic !== topic) return []
        const { partition, offset } = record
        const clientId = this.#owners.get(partition) ?? ''
        const isLate =
          offset < (this.#committed.get(partition) ?? 0) &&
          lives.givenUpBy(clientId, at - LATE_MS, at) > 0
        const connectionId = lives.givenUpBy(clientId, 0, at) - (isLate ? 1 : 0)
        this.#committed.set(partition, offset)
        return [
          {
            ...{ type: 'committed', at, nodeId: 0, connectionId },
            ...{ groupId, topic, partition, offset, clientId },
            ...{ generationId: this.#epoch, memberId: '' },
          },
        ]
      }
      case 'generation': {
        this.#epoch = record.generationId
        const members = record.members.map(
          ({ memberId, clientId, groupInstanceId, partitions }) => ({
            memberId,
            clientId: lives.actorOf(groupInstanceId, clientId, at),
            partitions: partitions.filter((one) => one.topic === topic),
          }),
        )
        const state = members.length === 0 ? 'Empty' : 'Stable'
        return [this.#group(at, state, members)]
      }
      case 'epoch':
        this.#epoch = record.epoch
        return this.#consumerGroup(at)
      case 'member': {
        const { memberId, clientId, groupInstanceId } = record
        if (clientId === null) this.#members.delete(memberId)
        else {
          const known = this.#members.get(memberId)
          const fresh = { epoch: 0, isStable: false, partitions: [] }
          this.#members.set(memberId, { ...fresh, ...known, clientId, groupInstanceId })
        }
        return this.#consumerGroup(at)
      }
      case 'assignment': {
        const known = this.#members.get(record.memberId)
        if (known === undefined) return []
        const partitions = record.partitions.flatMap(({ topicId, partition }) =>
          topicId === this.#topicId ? [{ topic, partition }] : [],
        )
        const { memberEpoch: epoch, isStable } = record
        this.#members.set(record.memberId, { ...known, epoch, isStable, partitions })
        return this.#consumerGroup(at)
      }
    }
  }

  #consumerGroup(at: number): HistoryEvent[] {
    const members = [...this.#members].map(([memberId, member]) => {
      const { clientId, groupInstanceId, partitions } = member
      const actor = this.#watched.lives.actorOf(groupInstanceId, clientId, at)
      return { memberId, clientId: actor, partitions }
    })
    const isStable = [...this.#members.values()].every(
      ({ epoch, isStable }) => isStable && epoch === this.#epoch,
    )
    const state = members.length === 0 ? 'Empty' : isStable ? 'Stable' : 'Reconciling'
    const event = this.#group(at, state, members)
    // A record that changes nothing of this (a subscription, a rack) is no change of the group.
    const what = JSON.stringify({ ...event, at: 0 })
    if (what === this.#last) return []
    this.#last = what
    return [event]
  }

  #group(
    at: number,
    state: string,
    members: Extract<HistoryEvent, { type: 'group' }>['members'],
  ): HistoryEvent {
    const { groupId } = this.#watched
    for (const { clientId, partitions } of members) {
      for (const { partition } of partitions) this.#owners.set(partition, clientId)
    }
    const generationId = this.#epoch
    return { type: 'group', at, nodeId: 0, groupId, state, generationId, cause: 'told', members }
  }
}
