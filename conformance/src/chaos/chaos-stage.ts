/**
 * Where a chaos scenario plays: a real cluster, a topic, a group of member processes, a writer, and
 * the history of all of them. The scenario hurts them; the stage writes down what was done and what
 * was seen, and lets everything drain in the end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, type EventOf, type HistoryEvent, type NewEvent } from '@odradek/simulation'
import {
  apis,
  type ClientEvents,
  type ConsumerOptions,
  Kafka,
  type ProducerOptions,
  type RebalanceStorm,
  type TopicPartition,
} from 'odradek'
import { KafkaCluster } from '../kafka/kafka-cluster.ts'
import { cutsOf } from './cut-logs.ts'
import type { Line, MemberProgramOptions, Style } from './member-program.ts'
import { MemberProcess } from './member-process.ts'
import { type Appended, appendedEvents, coordinatorEvents, type Watched } from './observe-kafka.ts'
import { inOrder, now } from './wall-clock.ts'
import { Writer } from './writer.ts'

export type Protocol = 'classic' | 'consumer'

export interface StageOptions {
  readonly brokers: 1 | 3
  readonly protocol: Protocol
  readonly isStatic?: boolean
  readonly partitions?: number
  /** Which brokers have which partition, the preferred leader first; beside the coordinator. */
  readonly layout?: (coordinator: number, others: readonly number[]) => readonly number[][]
  /** Of the topic, over the stage's own. */
  readonly configs?: Readonly<Record<string, string | number | boolean>>
  /** How members read; by default every second one in a loop, the others with handlers. */
  readonly style?: Style
  /** Members have another client id in each life, as by default. */
  readonly hasNamesOfLives?: boolean
  /** For members, over the stage's own. */
  readonly consumer?: Partial<ConsumerOptions<string>>
  /** For the writer. */
  readonly producer?: Partial<ProducerOptions>
  /** Of the brokers, over the stage's own. */
  readonly properties?: Readonly<Record<string, string | number>>
}

/** What a member's watchdog said. */
export type Told = ClientEvents['partitionProgress'] & {
  readonly actor: string
  readonly at: number
}

export interface Blocked {
  readonly actor: string
  readonly blockedMs: number
  readonly heartbeats: number
  readonly isSessionAlive: boolean
}

/** Long enough for a broker's restart, short enough for a scenario. */
export const SESSION_MS = 6000
const HEARTBEAT_MS = 1000
const REBALANCE_TIMEOUT_MS = 15_000
const DRAIN_TIMEOUT_MS = 90_000
/** When nothing came for so long nothing more is coming. */
const QUIET_MS = 25_000
const HEAL_TIMEOUT_MS = 60_000
const CLOSE_TIMEOUT_MS = 35_000
const POLL_MS = 50
/** Which connection commits go over. */
const COMMITS = 'heartbeat'
const TIMINGS = { requestTimeoutMs: 10_000, connectionSetupTimeoutMs: 5000 } as const

export class ChaosStage {
  readonly kafka: KafkaCluster
  readonly client: Kafka
  readonly topic = 'orders'
  readonly groupId = 'billing'
  readonly options: StageOptions
  readonly startedAt = now()
  readonly storms: { readonly actor: string; readonly storm: RebalanceStorm }[] = []
  readonly blocks: Blocked[] = []
  readonly statuses: Told[] = []
  readonly withoutHeartbeatThread = new Set<string>()
  readonly #givenUp: { readonly actor: string; readonly at: number }[] = []
  readonly #events: HistoryEvent[] = []
  readonly #members = new Map<string, MemberProcess>()
  readonly #lives = new Map<string, number>()
  readonly #processed = new Set<string>()
  /** Where each record is, by its id. */
  readonly #acknowledged = new Map<string, string>()
  readonly #excused = new Set<string>()
  readonly #log = new Map<string, Appended>()
  /** What is at which place. */
  readonly #inLog = new Map<string, string>()
  #beforeCut: { readonly at: number; readonly inLog: ReadonlyMap<string, string> } | undefined
  readonly #idsInHand = new Map<string, string>()
  #deliveries = 0
  #deliveredAt = 0
  #partitions = 0
  #writer: Writer | undefined

  private constructor(kafka: KafkaCluster, options: StageOptions) {
    this.kafka = kafka
    this.options = options
    this.client = new Kafka({
      ...TIMINGS,
      bootstrapServers: kafka.bootstrapServers,
      clientId: 'director',
    })
    this.client.on('stalled', ({ message, error }) => {
      const why = error === undefined ? '' : `: ${describe(error)}`
      this.note({ type: 'remark', actor: 'director', what: `stalled: ${message}${why}` })
    })
  }

  static async open(options: StageOptions): Promise<ChaosStage> {
    const kafka = await KafkaCluster.start({
      brokers: options.brokers,
      properties: {
        'group.consumer.session.timeout.ms': SESSION_MS,
        'group.consumer.heartbeat.interval.ms': HEARTBEAT_MS,
        ...options.properties,
      },
    })
    const stage = new ChaosStage(kafka, options)
    try {
      await stage.#createTopic()
    } catch (error) {
      await stage.close()
      throw error
    }
    return stage
  }

  async #createTopic(): Promise<void> {
    const { topic, options } = this
    const configs = {
      'message.timestamp.type': 'LogAppendTime',
      'min.insync.replicas': options.brokers === 3 ? 2 : 1,
      ...options.configs,
    }
    const { count, ...place } = await this.#place()
    this.#partitions = count
    await using admin = this.client.admin()
    await admin.createTopics({ [topic]: { ...place, configs } })
    this.note({ type: 'topic', topic, partitions: count })
  }

  /** How many partitions there are, and on which brokers. */
  async #place() {
    const { brokers, layout, partitions = 12 } = this.options
    if (layout === undefined) return { count: partitions, partitions, replicationFactor: brokers }
    let coordinator = -1
    const isThere = async () => (coordinator = await this.coordinator()) >= 0
    await this.until('a coordinator of the group', isThere, 30_000)
    const others = this.kafka.nodeIds.filter((nodeId) => nodeId !== coordinator)
    const replicas = layout(coordinator, others)
    return { count: replicas.length, assignments: Object.fromEntries(replicas.entries()) }
  }

  /** Ms since the stage opened. */
  get at(): number {
    return now() - this.startedAt
  }

  get events(): readonly HistoryEvent[] {
    return this.#events
  }

  get members(): readonly string[] {
    return [...this.#members.keys()]
  }

  note(event: NewEvent, at = this.at): void {
    // Every variant lacks its time alone.
    const timed = { at, ...event } as HistoryEvent
    this.#events.push(timed)
    this.#follow(timed)
  }

  #follow(event: HistoryEvent): void {
    if (event.type === 'acknowledged') {
      this.#acknowledged.set(event.id, `${event.partition} ${event.offset}`)
    } else if (event.type === 'dataLoss') {
      for (let offset = event.from; offset < event.to; offset++) {
        this.#excused.add(`${event.partition} ${offset}`)
      }
    }
    if (event.type === 'delivered') {
      this.#deliveries++
      this.#deliveredAt = event.at
      this.#idsInHand.set(`${event.actor} ${event.partition} ${event.offset}`, event.id)
    } else if (event.type === 'processed') {
      const id = this.#idsInHand.get(`${event.actor} ${event.partition} ${event.offset}`)
      if (id !== undefined) this.#processed.add(id)
    }
  }

  /** Something is done to the world, from now on for so long. */
  fault(what: string, forMs = 0): void {
    const { at } = this
    this.note({ type: 'fault', what, until: at + forMs }, at)
    process.stderr.write(`  ${(at / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
  }

  /** Starts a member, or its next life. */
  start(name: string, options: Partial<ConsumerOptions<string>> = {}): void {
    const life = (this.#lives.get(name) ?? 0) + 1
    this.#lives.set(name, life)
    const actor = life === 1 ? name : `${name}.${life}`
    const { protocol, isStatic, consumer } = this.options
    const timings =
      protocol === 'consumer'
        ? {}
        : { sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: HEARTBEAT_MS }
    const given: MemberProgramOptions = {
      actor,
      kafka: {
        ...TIMINGS,
        bootstrapServers: this.kafka.bootstrapServers,
        clientId: this.options.hasNamesOfLives === false ? name : actor,
      },
      consumer: {
        topics: [this.topic],
        startFrom: 'earliest',
        groupProtocol: protocol,
        groupInstanceId: isStatic === true ? `pod-${name}` : undefined,
        autoCommitIntervalMs: 1000,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
        ...timings,
        ...consumer,
        ...options,
        groupId: this.groupId,
      },
      style: this.options.style ?? (Number(name.split('-')[1]) % 2 === 0 ? 'keys' : 'records'),
      workMs: 3,
    }
    this.#members.set(name, new MemberProcess(given, (line) => this.#hear(actor, line)))
  }

  #hear(actor: string, line: Line): void {
    const at = line.at - this.startedAt
    if ('event' in line) this.note(line.event, at)
    else if ('storm' in line) this.storms.push({ actor, storm: line.storm })
    else if ('watchdog' in line) {
      this.statuses.push({ actor, at, ...line.watchdog })
    } else if ('blocked' in line) this.blocks.push({ actor, ...line.blocked })
    else if ('gaveUp' in line && line.gaveUp === COMMITS) this.#givenUp.push({ actor, at })
    else if ('heartbeatThreadUnavailable' in line) this.withoutHeartbeatThread.add(actor)
  }

  member(name: string): MemberProcess {
    const member = this.#members.get(name)
    if (member === undefined) throw new Error(`There is no member ${name}.`)
    return member
  }

  async killMember(name: string): Promise<void> {
    const member = this.member(name)
    this.#members.delete(name)
    await member.kill()
    this.note({ type: 'memberKilled', actor: member.actor, groupId: this.groupId })
  }

  async closeMember(name: string): Promise<void> {
    const member = this.member(name)
    this.#members.delete(name)
    if (await member.close(CLOSE_TIMEOUT_MS)) return
    const error = `its process did not end within ${CLOSE_TIMEOUT_MS} ms of being asked`
    this.note({ type: 'escaped', actor: member.actor, error })
  }

  write(): void {
    const { client, topic, options } = this
    this.#writer ??= new Writer(client, topic, options.producer ?? {}, (event) => this.note(event))
  }

  get writer(): Writer {
    if (this.#writer === undefined) throw new Error('Nothing is written yet.')
    return this.#writer
  }

  async stopWriting(): Promise<void> {
    await this.#writer?.stop()
  }

  /** Waits until it is so, or says what did not come about. */
  async until(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs: number) {
    const deadline = now() + timeoutMs
    while (!(await isSo())) {
      if (now() > deadline) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}.`)
      await sleep(POLL_MS)
    }
  }

  /** Every living member has partitions, and records flow. */
  async settle(timeoutMs = 60_000): Promise<void> {
    const isShared = (): boolean => {
      const owned = this.owned()
      const counts = this.members.map((name) => owned.get(this.member(name).actor)?.length ?? 0)
      const total = counts.reduce((sum, count) => sum + count, 0)
      return total === this.#partitions && Math.max(...counts) - Math.min(...counts) <= 1
    }
    await this.until('an even share for everybody', isShared, timeoutMs)
    const before = this.#deliveries
    await this.until('records flow', () => this.#deliveries > before + 20, 30_000)
    await sleep(3000)
  }

  /** What each actor has, by what its hooks heard. */
  owned(until = Number.POSITIVE_INFINITY): ReadonlyMap<string, readonly TopicPartition[]> {
    const owned = new Map<string, readonly TopicPartition[]>()
    for (const event of this.#events) {
      if (event.at > until) continue
      if (event.type === 'assigned') {
        owned.set(event.actor, [...(owned.get(event.actor) ?? []), ...event.partitions])
      } else if (event.type === 'revoked' || event.type === 'lost') {
        const gone = new Set(event.partitions.map(({ partition }) => partition))
        const kept = (owned.get(event.actor) ?? []).filter(({ partition }) => !gone.has(partition))
        owned.set(event.actor, kept)
      }
    }
    return owned
  }

  /** Waits until every replica of the topic, and of what coordinators write, is in sync. */
  async heal(): Promise<void> {
    await using admin = this.client.admin()
    const isHealed = async (): Promise<boolean> => {
      const topics = await admin.describeTopics([this.topic, '__consumer_offsets'])
      return [...topics.values()].every(({ partitions }) =>
        partitions.every(({ isr, replicas }) => isr.length === replicas.length),
      )
    }
    await this.until('all replicas are in sync', isHealed, HEAL_TIMEOUT_MS)
  }

  async leaderOf(partition: number): Promise<number> {
    await using admin = this.client.admin()
    const topic = (await admin.describeTopics([this.topic])).get(this.topic)
    return topic?.partitions.find((one) => one.partition === partition)?.leader ?? -1
  }

  async coordinator(): Promise<number> {
    const { coordinators } = await this.client.request(apis.FindCoordinator, {
      keyType: 0,
      coordinatorKeys: [this.groupId],
    })
    return coordinators[0]?.nodeId ?? -1
  }

  /** The broker that leads most of the topic, other than these. */
  async leaderOfMost(other: readonly number[] = []): Promise<number> {
    await using admin = this.client.admin()
    const topic = (await admin.describeTopics([this.topic])).get(this.topic)
    const counts = new Map<number, number>()
    for (const { leader: leaderId } of topic?.partitions ?? []) {
      if (!other.includes(leaderId)) counts.set(leaderId, (counts.get(leaderId) ?? 0) + 1)
    }
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? -1
  }

  /** Nothing is written any more; members read to the end, close, and the cluster is asked. */
  async finish(): Promise<void> {
    await this.stopWriting()
    await this.drain().catch(
      // What is missing is the checkers' to say.
      (error: unknown) => this.note({ type: 'cluster', what: describe(error) }),
    )
    await Promise.all(this.members.map((name) => this.closeMember(name)))
    await this.#noteLag()
    await this.rememberLog()
    this.#events.push(...this.#log.values(), ...this.cuts)
    this.#events.push(...(await coordinatorEvents(this.client, this.#watched)))
    this.#events.sort(inOrder)
  }

  /** Resolves when whatever is acknowledged is processed, or nothing more is coming. */
  async drain(): Promise<void> {
    const isDrained = (): boolean =>
      this.at - this.#deliveredAt > QUIET_MS ||
      [...this.#acknowledged].every(
        ([id, place]) => this.#processed.has(id) || this.#excused.has(place),
      )
    await this.until('everything is processed', isDrained, DRAIN_TIMEOUT_MS)
  }

  /** What is in the topic now stays in the history, whatever becomes of it. */
  async rememberLog(): Promise<void> {
    this.#inLog.clear()
    const watched = { ...this.#watched, isolationLevel: this.options.consumer?.isolationLevel }
    for (const event of await appendedEvents(this.client, watched, this.#events)) {
      const [id = ''] = event.ids
      const place = `${event.partition} ${event.baseOffset}`
      this.#inLog.set(place, id)
      if (!this.#log.has(`${place} ${id}`)) this.#log.set(`${place} ${id}`, event)
    }
  }

  /** The ids of what was in the topic when it was last looked at, by `partition offset`. */
  get inLog(): ReadonlyMap<string, string> {
    return this.#inLog
  }

  /** From now on logs may lose their end; what they have is remembered. */
  async expectCut(): Promise<void> {
    await this.rememberLog()
    this.#beforeCut = { at: this.at, inLog: new Map(this.#inLog) }
  }

  /** What they have lost since, as far as is known: by what was in the topic last. */
  get cuts(): readonly EventOf<'recordsGone'>[] {
    if (this.#beforeCut === undefined) return []
    const { at, inLog } = this.#beforeCut
    const { topic } = this
    return cutsOf(inLog, this.#inLog).map((cut) => {
      return { type: 'recordsGone', at, topic, cause: 'truncated', ...cut }
    })
  }

  get #watched(): Watched {
    const { topic, groupId, startedAt } = this
    const actorOf = this.#actorOf.bind(this)
    const givenUpBy = (actor: string, from: number, to: number): number =>
      this.#givenUp.filter((one) => one.actor === actor && one.at >= from && one.at <= to).length
    return { topic, groupId, startedAt, lives: { actorOf, givenUpBy } }
  }

  async #noteLag(): Promise<void> {
    const { topic, groupId } = this
    await using admin = this.client.admin()
    const ends = (await admin.listOffsets({ [topic]: 'latest' })).get(topic) ?? []
    const committed = (await admin.committedOffsets(groupId)).get(topic) ?? []
    for (const { partition, offset: end } of ends) {
      const found = committed.find((one) => one.partition === partition)
      const place = { groupId, topic, partition }
      this.note({ type: 'lag', ...place, committed: found?.offset ?? null, end: end ?? 0 })
    }
  }

  /** Kafka keeps the client id of a static member's first life. */
  #actorOf(groupInstanceId: string | null, clientId: string, at: number): string {
    const isName = this.options.hasNamesOfLives === false
    if (groupInstanceId === null && !isName) return clientId
    const name = groupInstanceId?.slice('pod-'.length) ?? clientId
    let actor = name
    for (const event of this.#events) {
      if (event.type !== 'memberStarted' || event.at > at) continue
      if (event.actor === name || event.actor.startsWith(`${name}.`)) actor = event.actor
    }
    return actor
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => member.kill()))
    await this.client.close({ timeoutMs: 2000 }).catch(() => undefined)
    await this.kafka.close()
  }
}
