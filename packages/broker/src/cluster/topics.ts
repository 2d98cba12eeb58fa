/**
 * The topics of the cluster, by name and by id. Replicas are placed round-robin as Kafka does
 * without racks, beginning one broker further for each topic, and without randomness: the same
 * calls give the same cluster.
 */
import { type Random } from '@odradek/environment'
import { ErrorCode, ZERO_UUID } from '@odradek/protocol'
import type { NewTopic } from '../options/topic-options.ts'
import { Partition } from './partition.ts'
import { problemWithConfig, TopicConfigs } from './topic-configs.ts'
import { imageOf, type TopicsImage } from './topics-image.ts'

export interface Topic {
  readonly name: string
  readonly id: string
  readonly configs: TopicConfigs
  readonly partitions: Partition[]
  readonly replicationFactor: number
}

export interface TopicProblem {
  readonly errorCode: number
  readonly message: string
}

const MAX_NAME_LENGTH = 249
const MAX_PARTITIONS = 10_000

export class Topics {
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  readonly #nodeIds: readonly number[]
  readonly #random: Random
  #placed = 0
  #image: TopicsImage | undefined
  #version = 0

  constructor(nodeIds: readonly number[], random: Random) {
    this.#nodeIds = nodeIds
    this.#random = random
  }

  all(): IterableIterator<Topic> {
    return this.#byName.values()
  }

  byName(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  /** By the id if the request has one, else by the name. */
  find(name: string | null, id: string): Topic | undefined {
    return id === ZERO_UUID ? this.#byName.get(name ?? '') : this.#byId.get(id)
  }

  /** The topics at this moment; the same object as long as nothing changes. */
  image(): TopicsImage {
    this.#image ??= imageOf(
      [...this.#byName.values()].map(({ name, id, partitions }) => ({
        name,
        id,
        partitions: partitions.length,
      })),
      this.#version,
    )
    return this.#image
  }

  /** Partitions with these replicas; `choose` names the leader of each. */
  addPartitions(
    { partitions }: Topic,
    assignments: readonly (readonly number[])[],
    choose: (replicas: readonly number[]) => number,
  ): void {
    for (const replicas of assignments) {
      partitions.push(new Partition(partitions.length, replicas, choose(replicas)))
    }
    this.#changed()
  }

  /** Why such a topic cannot be created; undefined if it can. */
  problemWith(topic: NewTopic): TopicProblem | undefined {
    const { name, partitions, replicationFactor, configs, assignments } = topic
    const invalidName = problemWithName(name)
    if (invalidName !== undefined) return invalidName
    if (this.#byName.has(name)) {
      return problem(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    }
    for (const [key, value] of configs) {
      const invalid = problemWithConfig(key, value)
      if (invalid !== undefined) return problem(ErrorCode.INVALID_CONFIG, invalid)
    }
    if (assignments !== undefined) return this.problemWithAssignments(assignments)
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
      return problem(
        ErrorCode.INVALID_PARTITIONS,
        partitions < 1
          ? 'Number of partitions was set to an invalid non-positive value.'
          : `The number of partitions must be from 1 to ${MAX_PARTITIONS}; it is ${partitions}.`,
      )
    }
    if (replicationFactor < 1 || replicationFactor > this.#nodeIds.length) {
      return problem(
        ErrorCode.INVALID_REPLICATION_FACTOR,
        `Unable to replicate the partition ${replicationFactor} time(s): ` +
          `The target replication factor of ${replicationFactor} cannot be reached because only ` +
          `${this.#nodeIds.length} broker(s) are registered or some brokers have all their log ` +
          'directories cordoned.',
      )
    }
    return undefined
  }

  problemWithAssignments(assignments: readonly (readonly number[])[]): TopicProblem | undefined {
    const size = assignments[0]?.length ?? 0
    for (const replicas of assignments) {
      const isWhole =
        replicas.length > 0 &&
        replicas.length === size &&
        new Set(replicas).size === replicas.length &&
        replicas.every((nodeId) => this.#nodeIds.includes(nodeId))
      if (!isWhole) {
        return problem(
          ErrorCode.INVALID_REPLICA_ASSIGNMENT,
          `[${replicas.join(', ')}] is not a list of distinct known brokers as long as the others.`,
        )
      }
    }
    return undefined
  }

  /** `choose` names the leader of a set of replicas. */
  create(topic: NewTopic, choose: (replicas: readonly number[]) => number): Topic {
    const { name, configs } = topic
    const assignments =
      topic.assignments ?? this.place(topic.partitions, topic.replicationFactor, 0)
    const set = new Map<string, string>()
    for (const [key, value] of configs) if (value !== null) set.set(key, value)
    const created: Topic = {
      name,
      id: this.#newId(),
      configs: new TopicConfigs(set),
      partitions: assignments.map(
        (replicas, index) => new Partition(index, replicas, choose(replicas)),
      ),
      replicationFactor: assignments[0]?.length ?? 0,
    }
    this.#byName.set(name, created)
    this.#byId.set(created.id, created)
    this.#changed()
    return created
  }

  /** Replicas for `count` partitions, the first of which has index `from`. */
  place(count: number, replicationFactor: number, from: number): readonly (readonly number[])[] {
    const nodeIds = this.#nodeIds
    const offset = from === 0 ? this.#placed++ : from
    return Array.from({ length: count }, (_, index) =>
      Array.from(
        { length: replicationFactor },
        // The index is taken modulo the number of brokers, so it exists.
        (_unused, replica) => nodeIds[(offset + index + replica) % nodeIds.length] as number,
      ),
    )
  }

  delete(topic: Topic): void {
    this.#byName.delete(topic.name)
    this.#byId.delete(topic.id)
    this.#changed()
    for (const partition of topic.partitions) partition.invalidate()
  }

  #changed(): void {
    this.#image = undefined
    this.#version++
  }

  #newId(): string {
    for (;;) {
      const id = this.#random.bytes(16).toString('base64url')
      // As Kafka does: an id that begins with a dash looks like an option on a command line.
      if (!id.startsWith('-') && id !== ZERO_UUID && !this.#byId.has(id)) return id
    }
  }
}

function problem(errorCode: number, message: string): TopicProblem {
  return { errorCode, message }
}

export function problemWithName(name: string): TopicProblem | undefined {
  const isFine =
    name.length > 0 &&
    name.length <= MAX_NAME_LENGTH &&
    name !== '.' &&
    name !== '..' &&
    /^[a-zA-Z0-9._-]+$/.test(name)
  if (isFine) return undefined
  return problem(
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    `'${name}' is not a valid topic name: it needs 1 to ${MAX_NAME_LENGTH} of the characters ` +
      `a-z, A-Z, 0-9, '.', '_' and '-'.`,
  )
}
