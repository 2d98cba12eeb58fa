/**
 * A small Kafka in a virtual world, for tests of connections, cluster and producer: brokers that
 * share topics, with the rules of idempotent producers, and faults that a test scripts request by
 * request. It answers what a producer and an administrator of topics ask; nothing is replicated.
 */
import type { Connection, Listener, VirtualProcess, VirtualWorld } from '@odradek/environment'
import {
  type AnyApi,
  apis,
  type DecodedRequest,
  decodeRequest,
  encodeResponse,
  ErrorCode,
  FrameReader,
  RecordBatch,
} from '@odradek/protocol'

/** What happens to a request: an error, silence, a broken connection (before or after it works). */
export type Fault =
  | {
      readonly errorCode: number
      readonly answerVersion?: number
      /** The request works, and is answered with the error nevertheless. */
      readonly isApplied?: boolean
    }
  /** `skip` alone lets the connection go on. */
  | { readonly do: 'swallow' | 'drop' | 'applyThenDrop' | 'applyThenSwallow' | 'skip' }
  | { readonly delayMs: number }
  | { readonly answer: object }

export interface SeenRequest {
  readonly at: number
  readonly nodeId: number
  readonly api: string
  readonly version: number
  readonly clientId: string | null
  readonly body: Record<string, unknown>
  /** Counts the connections that this broker accepted. */
  readonly connection: number
}

export interface StoredRecord {
  readonly value: string
  readonly offset: number
}

interface ProducerState {
  epoch: number
  /** The last five batches: first and last sequence, base offset. */
  batches: { readonly first: number; readonly last: number; readonly offset: number }[]
}

class FakePartition {
  leader: number
  leaderEpoch = 0
  readonly records: StoredRecord[] = []
  readonly producers = new Map<bigint, ProducerState>()

  constructor(leader: number) {
    this.leader = leader
  }
}

interface FakeTopic {
  topicId: string
  readonly partitions: FakePartition[]
}

interface FakeNode {
  readonly nodeId: number
  readonly host: string
  machine: VirtualProcess
  listener: Listener | undefined
  connections: number
}

const PORT = 9092

export class FakeCluster {
  readonly world: VirtualWorld
  readonly nodes = new Map<number, FakeNode>()
  readonly topics = new Map<string, FakeTopic>()
  readonly seen: SeenRequest[] = []
  clusterId = 'cluster-1'
  /** Asked about every request; undefined lets it work. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined
  /** What else is answered, by the API's name: for what a test plays itself. */
  readonly handlers = new Map<string, (request: SeenRequest) => object | Promise<object>>()
  /** Versions that brokers offer of an API, when it is not all. */
  readonly maxVersions = new Map<string, number>()
  maxBatchBytes = Number.POSITIVE_INFINITY
  throttleTimeMs = 0
  /** A password wanted by SASL PLAIN; none when undefined. */
  password: string | undefined
  sessionLifetimeMs = 0
  /** The broker that coordinates every group. */
  coordinator = 1
  #nextProducerId = 1000n
  #nextTopicId = 1

  constructor(world: VirtualWorld) {
    this.world = world
  }

  get bootstrapServers(): string {
    return [...this.nodes.values()].map(({ host }) => `${host}:${PORT}`).join(',')
  }

  async start(nodeId: number, host = `broker-${nodeId}`): Promise<void> {
    const machine = this.world.process(host)
    const node: FakeNode = { nodeId, host, machine, listener: undefined, connections: 0 }
    this.nodes.set(nodeId, node)
    node.listener = await machine.environment.network.listen({ host, port: PORT }, (connection) =>
      this.#accept(node, connection),
    )
  }

  /** The broker's process is gone; its partitions' logs stay. */
  kill(nodeId: number): void {
    this.nodes.get(nodeId)?.machine.kill()
  }

  createTopic(name: string, partitions: number): FakeTopic {
    const leaders = [...this.nodes.keys()]
    const topic = {
      topicId: Buffer.alloc(16, this.#nextTopicId++).toString('base64url'),
      partitions: Array.from(
        { length: partitions },
        (_, at) => new FakePartition(leaders[at % leaders.length] as number),
      ),
    }
    this.topics.set(name, topic)
    return topic
  }

  moveLeader(topic: string, partition: number, leader: number): void {
    const moved = this.partition(topic, partition)
    moved.leader = leader
    moved.leaderEpoch++
  }

  partition(topic: string, partition: number): FakePartition {
    const found = this.topics.get(topic)?.partitions[partition]
    if (found === undefined) throw new Error(`There is no ${topic}-${partition}.`)
    return found
  }

  /** The values in a partition's log, in order. */
  values(topic: string, partition = 0): readonly string[] {
    return this.partition(topic, partition).records.map(({ value }) => value)
  }

  count(api: string): number {
    return this.seen.filter((request) => request.api === api).length
  }

  #accept(node: FakeNode, connection: Connection) {
    const number = ++node.connections
    // A broker reads the next request of a connection after it answered the last.
    let turn: Promise<void> = Promise.resolve()
    const frames = new FrameReader(100_000_000, (frame) => {
      turn = turn.then(() => this.#handle(node, connection, number, frame))
    })
    return {
      onData: (buffer: Uint8Array, length: number) => frames.push(buffer, length),
      onClose: () => undefined,
    }
  }

  async #handle(
    node: FakeNode,
    connection: Connection,
    number: number,
    frame: Buffer,
  ): Promise<void> {
    const decoded = decodeRequest(frame)
    if ('unsupported' in decoded) {
      connection.destroy()
      return
    }
    const { request } = decoded
    const seen: SeenRequest = {
      at: this.world.now,
      nodeId: node.nodeId,
      api: request.api.name,
      version: request.version,
      clientId: request.clientId,
      body: request.body,
      connection: number,
    }
    this.seen.push(seen)
    const fault = this.fault(seen)
    if (fault !== undefined && 'delayMs' in fault) {
      await new Promise<void>((resolve) => {
        node.machine.environment.timers.set(fault.delayMs, resolve)
      })
    }
    if (fault !== undefined && 'do' in fault) {
      const { do: action } = fault
      if (action === 'skip') return
      if (action.startsWith('apply')) {
        const handler = this.handlers.get(seen.api)
        if (handler === undefined) this.#respond(node, request)
        else await handler(seen)
      }
      if (action === 'drop' || action === 'applyThenDrop') connection.destroy()
      // Brokers answer in order: after one answer that never comes there is no other.
      await new Promise(() => undefined)
    }
    if (fault !== undefined && 'errorCode' in fault && fault.isApplied === true) {
      this.#respond(node, request)
    }
    const handler = this.handlers.get(seen.api)
    let body =
      handler !== undefined && (fault === undefined || !('errorCode' in fault))
        ? await handler(seen)
        : this.#respond(
            node,
            request,
            fault !== undefined && 'errorCode' in fault ? fault : undefined,
          )
    if (fault !== undefined && 'answer' in fault) body = { ...body, ...fault.answer }
    if (body === undefined) return
    const { api, correlationId } = request
    const answerVersion =
      fault !== undefined && 'errorCode' in fault ? fault.answerVersion : undefined
    const version = answerVersion ?? request.version
    connection.write(encodeResponse(api, version, { correlationId, body: body as never }).chunks)
  }

  #respond(
    node: FakeNode,
    request: DecodedRequest,
    refusal?: { readonly errorCode: number },
  ): object | undefined {
    const errorCode = refusal?.errorCode ?? 0
    const body = request.body as never
    const { throttleTimeMs } = this
    switch (request.api.name) {
      case 'ApiVersions':
        return { errorCode, apiKeys: this.#versions() }
      case 'Metadata':
        return this.#metadata(body, errorCode)
      case 'InitProducerId': {
        const producerId = this.#nextProducerId++
        return { errorCode, producerId, producerEpoch: 0, throttleTimeMs }
      }
      case 'Produce':
        return this.#produce(node, body, errorCode)
      case 'FindCoordinator': {
        const { nodeId, host } = this.nodes.get(this.coordinator) as FakeNode
        const key = (body as { readonly coordinatorKeys: readonly string[] }).coordinatorKeys[0]
        return { coordinators: [{ key, errorCode, errorMessage: null, nodeId, host, port: PORT }] }
      }
      case 'SaslHandshake':
        return { errorCode, mechanisms: ['PLAIN'] }
      case 'SaslAuthenticate':
        return this.#authenticate(body)
      default:
        return { errorCode }
    }
  }

  #versions(): readonly object[] {
    return Object.entries(apis).map(([name, { apiKey, versions }]: [string, AnyApi]) => ({
      apiKey,
      minVersion: versions.min,
      maxVersion: this.maxVersions.get(name) ?? versions.max,
    }))
  }

  #authenticate({ authBytes }: { readonly authBytes: Buffer }): object {
    const [, , password] = authBytes.toString().split('\0')
    const errorCode =
      password === this.password ? ErrorCode.NONE : ErrorCode.SASL_AUTHENTICATION_FAILED
    const errorMessage = errorCode === ErrorCode.NONE ? null : 'Invalid username or password'
    return { errorCode, errorMessage, sessionLifetimeMs: this.sessionLifetimeMs }
  }

  #metadata(
    body: { readonly topics?: readonly { readonly name: string }[] | null },
    errorCode: number,
  ): object {
    const names = body.topics?.map(({ name }) => name) ?? [...this.topics.keys()]
    return {
      errorCode,
      brokers: [...this.nodes.values()].map(({ nodeId, host }) => ({ nodeId, host, port: PORT })),
      clusterId: this.clusterId,
      controllerId: [...this.nodes.keys()][0] ?? -1,
      topics: names.map((name) => {
        const topic = this.topics.get(name)
        if (topic === undefined) {
          return { name, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, partitions: [] }
        }
        return {
          name,
          topicId: topic.topicId,
          errorCode: 0,
          partitions: topic.partitions.map(({ leader, leaderEpoch }, partitionIndex) => ({
            errorCode: 0,
            partitionIndex,
            leaderId: leader,
            leaderEpoch,
            replicaNodes: [leader],
            isrNodes: [leader],
          })),
        }
      }),
    }
  }

  #produce(
    node: FakeNode,
    body: {
      readonly acks: number
      readonly topicData: readonly {
        readonly name: string
        readonly topicId: string
        readonly partitionData: readonly { readonly index: number; readonly records: Buffer }[]
      }[]
    },
    refusal: number,
  ): object | undefined {
    const responses = body.topicData.map(({ name, topicId, partitionData }) => {
      const topic =
        this.topics.get(name) ?? [...this.topics.values()].find((one) => one.topicId === topicId)
      return {
        name,
        topicId,
        partitionResponses: partitionData.map(({ index, records }) => {
          const partition = topic?.partitions[index]
          if (refusal !== 0) return { index, errorCode: refusal, baseOffset: -1 }
          if (partition === undefined) {
            return { index, errorCode: ErrorCode.UNKNOWN_TOPIC_ID, baseOffset: -1 }
          }
          if (partition.leader !== node.nodeId) {
            const { leader: leaderId, leaderEpoch } = partition
            const errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER
            return { index, errorCode, baseOffset: -1, currentLeader: { leaderId, leaderEpoch } }
          }
          return { index, ...this.#append(partition, records) }
        }),
      }
    })
    return body.acks === 0 ? undefined : { responses, throttleTimeMs: this.throttleTimeMs }
  }

  /** Appends as a broker does: duplicates are recognised, holes and old epochs refused. */
  #append(
    partition: FakePartition,
    bytes: Buffer,
  ): { readonly errorCode: number; readonly baseOffset: number } {
    const refuse = (errorCode: number) => ({ errorCode, baseOffset: -1 })
    const batch = new RecordBatch(bytes)
    const { producerId, producerEpoch, baseSequence: first, recordCount } = batch
    const last = (first + recordCount - 1) % 2 ** 31
    if (bytes.length > this.maxBatchBytes) return refuse(ErrorCode.MESSAGE_TOO_LARGE)
    if (producerId >= 0n) {
      let state = partition.producers.get(producerId)
      if (state !== undefined && producerEpoch < state.epoch) {
        return refuse(ErrorCode.INVALID_PRODUCER_EPOCH)
      }
      if (state !== undefined && producerEpoch > state.epoch) {
        if (first !== 0) return refuse(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
        state = undefined
      }
      const known = state?.batches.find((one) => one.first === first && one.last === last)
      if (known !== undefined) return { errorCode: 0, baseOffset: known.offset }
      const before = state?.batches.at(-1)
      if (before !== undefined && first !== (before.last + 1) % 2 ** 31) {
        return refuse(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
      }
      const offset = partition.records.length
      const batches = [...(state?.batches ?? []), { first, last, offset }].slice(-5)
      partition.producers.set(producerId, { epoch: producerEpoch, batches })
    }
    const baseOffset = partition.records.length
    const cursor = batch.records()
    while (cursor.next()) {
      const offset = partition.records.length
      partition.records.push({ value: cursor.value?.toString() ?? '', offset })
    }
    return { errorCode: 0, baseOffset }
  }
}
