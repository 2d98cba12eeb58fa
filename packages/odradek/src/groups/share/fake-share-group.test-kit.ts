/**
 * The brokers' side of a share group, on a fake cluster in a virtual world: records that are
 * available, acquired or through, with locks, delivery counts and share sessions, as Kafka 4.4 has
 * them (acknowledgements of one partition count all or not at all; a session that ends, or whose
 * connection does, gives back what it acquired). It notes what a test wants to know in the end.
 */
import { ErrorCode, placeBatch, RecordBatchBuilder } from '@odradek/protocol'
import type { FakeCluster, SeenRequest } from '../../connection/fake-cluster.test-kit.ts'

type RecordState = 'available' | 'acquired' | 'accepted' | 'rejected' | 'archived'

export interface FakeRecord {
  state: RecordState
  owner: string
  lockedUntil: number
  deliveryCount: number
}

interface Session {
  epoch: number
  readonly partitions: Set<string>
  readonly connection: number
}

interface Partition {
  readonly topicId: string
  readonly partition: number
  readonly name: string
  readonly records: FakeRecord[]
}

interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly acknowledgeTypes: readonly number[]
}

interface ShareBody {
  readonly memberId: string
  readonly shareSessionEpoch: number
  readonly maxWaitMs: number
  readonly maxRecords: number
  readonly isRenewAck?: boolean
  readonly topics: readonly {
    readonly topicId: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly acknowledgementBatches: readonly AcknowledgementBatch[]
    }[]
  }[]
  readonly forgottenTopicsData?: readonly {
    readonly topicId: string
    readonly partitions: readonly number[]
  }[]
}

const POLL_MS = 20
const RECORDS_PER_BATCH = 7
const NO_LEADER = { leaderId: -1, leaderEpoch: -1 }

export class FakeShareGroup {
  readonly cluster: FakeCluster
  readonly topic: string
  readonly partitions = new Map<string, Partition>()
  readonly sessions = new Map<string, Session>()
  lockMs = 3000
  deliveryCountLimit = 5
  heartbeatIntervalMs = 500
  /** What heartbeats are answered with, unless it is 0. */
  heartbeatError = 0
  #memberEpoch = 1

  constructor(cluster: FakeCluster, topic: string, partitions: number) {
    this.cluster = cluster
    this.topic = topic
    const { topicId } = cluster.createTopic(topic, partitions)
    for (let partition = 0; partition < partitions; partition++) {
      const name = `${topicId}:${partition}`
      this.partitions.set(name, { topicId, partition, name, records: [] })
    }
    cluster.handlers.set('ShareGroupHeartbeat', (request) => this.#heartbeat(request))
    cluster.handlers.set('ShareFetch', (request) => this.#fetch(request))
    cluster.handlers.set('ShareAcknowledge', (request) => this.#acknowledge(request))
    cluster.handlers.set('DescribeConfigs', () => this.#describeConfigs())
  }

  get records(): readonly FakeRecord[] {
    return [...this.partitions.values()].flatMap(({ records }) => records)
  }

  append(partition: number, count: number): void {
    const found = [...this.partitions.values()][partition]
    for (let index = 0; index < count; index++) {
      found?.records.push({ state: 'available', owner: '', lockedUntil: 0, deliveryCount: 0 })
    }
  }

  /** The new leader knows of no acquired record. */
  moveLeader(partition: number, nodeId: number): void {
    this.cluster.moveLeader(this.topic, partition, nodeId)
    for (const record of [...this.partitions.values()][partition]?.records ?? []) {
      if (record.state !== 'acquired') continue
      record.state = 'available'
      record.deliveryCount--
    }
  }

  /** Locks that ran out. */
  expire(): void {
    for (const record of this.records) {
      if (record.state === 'acquired' && record.lockedUntil <= this.cluster.world.now) {
        this.#giveBack(record)
      }
    }
  }

  #giveBack(record: FakeRecord): void {
    record.state = record.deliveryCount >= this.deliveryCountLimit ? 'archived' : 'available'
  }

  #heartbeat({ body }: SeenRequest): object {
    const base = { throttleTimeMs: 0, errorMessage: null, assignment: null }
    const { memberEpoch } = body as { readonly memberEpoch: number }
    if (memberEpoch >= 0 && this.heartbeatError !== 0) {
      return { ...base, errorCode: this.heartbeatError, memberEpoch: 0, heartbeatIntervalMs: 0 }
    }
    const [first] = this.partitions.values()
    const partitions = [...this.partitions.values()].map(({ partition }) => partition)
    return {
      ...base,
      errorCode: 0,
      memberId: body['memberId'],
      memberEpoch: memberEpoch < 0 ? -1 : memberEpoch || ++this.#memberEpoch,
      heartbeatIntervalMs: this.heartbeatIntervalMs,
      assignment:
        memberEpoch === 0 ? { topicPartitions: [{ topicId: first?.topicId, partitions }] } : null,
    }
  }

  #describeConfigs(): object {
    const configs = Object.entries({
      'share.auto.offset.reset': 'earliest',
      'share.delivery.count.limit': String(this.deliveryCountLimit),
      'share.record.lock.duration.ms': String(this.lockMs),
    }).map(([name, value]) => ({ name, value, readOnly: false, isSensitive: false, synonyms: [] }))
    const result = {
      errorCode: 0,
      errorMessage: null,
      resourceType: 32,
      resourceName: 'g',
      configs,
    }
    return { throttleTimeMs: 0, results: [result] }
  }

  #sessionKey({ nodeId }: SeenRequest, memberId: string): string {
    return `${nodeId} ${memberId}`
  }

  #end(key: string): void {
    const [, memberId] = key.split(' ')
    for (const name of this.sessions.get(key)?.partitions ?? []) {
      for (const record of this.partitions.get(name)?.records ?? []) {
        if (record.state === 'acquired' && record.owner === memberId) this.#giveBack(record)
      }
    }
    this.sessions.delete(key)
  }

  /** The error of the whole request, if there is one. */
  #enter(request: SeenRequest, body: ShareBody, opens: boolean): number {
    const key = this.#sessionKey(request, body.memberId)
    const { shareSessionEpoch: epoch } = body
    let session = this.sessions.get(key)
    // The old connection is gone, or was given up.
    if (session !== undefined && session.connection !== request.connection) {
      this.#end(key)
      session = undefined
    }
    if (epoch === 0) {
      if (!opens) return ErrorCode.INVALID_SHARE_SESSION_EPOCH
      const hasAcknowledgements = body.topics.some(({ partitions }) =>
        partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
      )
      if (hasAcknowledgements) return ErrorCode.INVALID_REQUEST
      const { connection } = request
      this.sessions.set(key, { epoch: 1, partitions: new Set(), connection })
      return 0
    }
    if (session === undefined) return ErrorCode.SHARE_SESSION_NOT_FOUND
    if (epoch < 0) return 0
    if (session.epoch !== epoch) return ErrorCode.INVALID_SHARE_SESSION_EPOCH
    session.epoch++
    return 0
  }

  /** All of them, or none. */
  #tell(
    request: SeenRequest,
    memberId: string,
    partition: Partition,
    batches: readonly AcknowledgementBatch[],
  ): number {
    if (!this.#leads(request, partition)) return ErrorCode.NOT_LEADER_OR_FOLLOWER
    const told: { readonly record: FakeRecord; readonly type: number }[] = []
    const seen = new Set<number>()
    for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        const record = partition.records[offset]
        const type = acknowledgeTypes[offset - firstOffset] ?? acknowledgeTypes[0] ?? -1
        if (seen.has(offset)) return ErrorCode.INVALID_REQUEST
        seen.add(offset)
        if (record?.state !== 'acquired' || record.owner !== memberId) {
          return ErrorCode.INVALID_RECORD_STATE
        }
        told.push({ record, type })
      }
    }
    for (const { record, type } of told) {
      if (type === 1) record.state = 'accepted'
      else if (type === 2) this.#giveBack(record)
      else if (type === 3) record.state = 'rejected'
      else if (type === 4) record.lockedUntil = this.cluster.world.now + this.lockMs
    }
    return 0
  }

  #leads({ nodeId }: SeenRequest, { partition }: Partition): boolean {
    return this.cluster.partition(this.topic, partition).leader === nodeId
  }

  #leaderOf({ partition }: Partition): object {
    const { leader: leaderId, leaderEpoch } = this.cluster.partition(this.topic, partition)
    return { leaderId, leaderEpoch }
  }

  #acknowledge(request: SeenRequest): object {
    this.expire()
    const body = request.body as unknown as ShareBody
    const errorCode = this.#enter(request, body, false)
    const base = { throttleTimeMs: 0, errorMessage: null, nodeEndpoints: [] }
    const rest = { ...base, acquisitionLockTimeoutMs: this.lockMs, errorCode }
    if (errorCode !== 0) return { ...rest, responses: [] }
    const responses = body.topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex, acknowledgementBatches }) => {
        const partition = this.partitions.get(`${topicId}:${partitionIndex}`) as Partition
        const told = this.#tell(request, body.memberId, partition, acknowledgementBatches)
        const currentLeader = told === 0 ? NO_LEADER : this.#leaderOf(partition)
        return { partitionIndex, errorCode: told, errorMessage: null, currentLeader }
      }),
    }))
    if (body.shareSessionEpoch < 0) this.#end(this.#sessionKey(request, body.memberId))
    return { ...rest, responses }
  }

  async #fetch(request: SeenRequest): Promise<object> {
    this.expire()
    const body = request.body as unknown as ShareBody
    const errorCode = this.#enter(request, body, true)
    const base = { throttleTimeMs: 0, errorMessage: null, nodeEndpoints: [] }
    const rest = { ...base, acquisitionLockTimeoutMs: this.lockMs, errorCode }
    if (errorCode !== 0) return { ...rest, responses: [] }
    const key = this.#sessionKey(request, body.memberId)
    const session = this.sessions.get(key) as Session
    const told = new Map<string, number>()
    for (const { topicId, partitions } of body.topics) {
      for (const { partitionIndex, acknowledgementBatches } of partitions) {
        const name = `${topicId}:${partitionIndex}`
        session.partitions.add(name)
        if (acknowledgementBatches.length === 0) continue
        const partition = this.partitions.get(name) as Partition
        told.set(name, this.#tell(request, body.memberId, partition, acknowledgementBatches))
      }
    }
    for (const { topicId, partitions } of body.forgottenTopicsData ?? []) {
      for (const partition of partitions) session.partitions.delete(`${topicId}:${partition}`)
    }
    const until = this.cluster.world.now + body.maxWaitMs
    let answers = this.#acquire(request, body, session, told)
    while (answers.length === 0 && this.cluster.world.now < until && this.sessions.has(key)) {
      await this.cluster.world.sleep(POLL_MS)
      this.expire()
      answers = this.#acquire(request, body, session, told)
    }
    const topicId = [...this.partitions.values()][0]?.topicId
    return { ...rest, responses: answers.length === 0 ? [] : [{ topicId, partitions: answers }] }
  }

  #acquire(
    request: SeenRequest,
    body: ShareBody,
    session: Session,
    told: ReadonlyMap<string, number>,
  ): object[] {
    const answers: object[] = []
    let room = body.maxRecords
    for (const name of new Set([...session.partitions, ...told.keys()])) {
      const partition = this.partitions.get(name) as Partition
      const answer = {
        partitionIndex: partition.partition,
        errorCode: 0,
        errorMessage: null,
        acknowledgeErrorCode: told.get(name) ?? 0,
        acknowledgeErrorMessage: null,
        currentLeader: NO_LEADER,
        records: Buffer.alloc(0),
        acquiredRecords: [] as object[],
      }
      if (!this.#leads(request, partition)) {
        answer.errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER
        answers.push({ ...answer, currentLeader: this.#leaderOf(partition) })
        continue
      }
      if (session.partitions.has(name)) room -= this.#acquireOf(partition, body, room, answer)
      if (answer.acquiredRecords.length > 0 || told.has(name)) answers.push(answer)
    }
    return answers
  }

  /** Whole batches are sent, and of them those records are acquired that are available. */
  #acquireOf(
    { records }: Partition,
    { memberId }: ShareBody,
    room: number,
    answer: { records: Buffer; readonly acquiredRecords: object[] },
  ): number {
    const batches = new Set<number>()
    let count = 0
    for (const [offset, record] of records.entries()) {
      if (record.state !== 'available' || count >= room) continue
      record.state = 'acquired'
      record.owner = memberId
      record.lockedUntil = this.cluster.world.now + this.lockMs
      record.deliveryCount++
      count++
      batches.add(offset - (offset % RECORDS_PER_BATCH))
      const { deliveryCount } = record
      answer.acquiredRecords.push({ firstOffset: offset, lastOffset: offset, deliveryCount })
    }
    if (count > 0) answer.records = Buffer.concat([...batches].map(batchAt))
    return count
  }
}

function batchAt(baseOffset: number): Buffer {
  const builder = new RecordBatchBuilder()
  for (let index = 0; index < RECORDS_PER_BATCH; index++) {
    builder.append(1, null, String(baseOffset + index))
  }
  const stamp = { producerId: -1n, producerEpoch: 0, baseSequence: 0 }
  const bytes = builder.build({ stamp, isTransactional: false })
  placeBatch(bytes, { baseOffset, leaderEpoch: 1 })
  return bytes
}
