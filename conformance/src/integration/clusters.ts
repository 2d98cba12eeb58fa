/**
 * Where integration scenarios run: the embedded broker, and a real Apache Kafka (one per run; see
 * `shared-kafka.ts`). `KAFKA_BOOTSTRAP_SERVERS` points them at any cluster instead. What cannot
 * run here is skipped and says why.
 */
import { test } from 'node:test'
import { Kafka, type KafkaOptions } from 'odradek'
import { whyNoJava } from '../kafka/java.ts'
import { KafkaCluster, type KafkaOptions as ClusterOptions } from '../kafka/kafka-cluster.ts'
import { type Listeners, sharedKafka } from './shared-kafka.ts'

export type ClusterKind = 'embedded broker' | 'Apache Kafka' | 'given cluster'

export interface Scenario {
  readonly kind: ClusterKind
  readonly bootstrapServers: string
  /** A client of this cluster, closed when the scenario ends. */
  client(options?: Partial<KafkaOptions>): Kafka
  /** Creates a topic under a name that nobody else has. */
  topic(partitions?: number, configs?: Readonly<Record<string, string | number>>): Promise<string>
  /** A name for groups and the like, that nobody else has. */
  uniqueName(prefix: string): string
}

export type ScenarioBody = (scenario: Scenario) => Promise<void>

export interface ScenarioOptions {
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 60_000
const GIVEN = process.env['KAFKA_BOOTSTRAP_SERVERS']
/** `GROUP_PROTOCOL=consumer` plays scenarios with members of that protocol. */
const GROUP_PROTOCOL = process.env['GROUP_PROTOCOL']

/** Runs a scenario against every cluster that there is. */
export function scenario(name: string, body: ScenarioBody, options: ScenarioOptions = {}): void {
  const timeout = options.timeoutMs ?? TIMEOUT_MS
  if (GIVEN !== undefined) {
    test(`${name} (given cluster)`, { timeout }, () => play('given cluster', GIVEN, body))
    return
  }
  test(`${name} (embedded broker)`, { timeout, skip: whyNoEmbedded ?? false }, async () => {
    const broker = await startEmbedded?.()
    if (broker === undefined) return
    try {
      await play('embedded broker', broker.bootstrapServers, body)
    } finally {
      await broker.close()
    }
  })
  kafkaScenario(name, body, options)
}

/** Runs a scenario against a real Kafka alone: for what only that can show. */
export function kafkaScenario(
  name: string,
  body: (scenario: Scenario, listeners: Listeners) => Promise<void>,
  options: ScenarioOptions = {},
): void {
  const timeout = options.timeoutMs ?? TIMEOUT_MS
  test(`${name} (Apache Kafka)`, { timeout, skip: whyNoKafka ?? false }, async () => {
    const listeners = await sharedKafka()
    await play('Apache Kafka', listeners.plaintext, (one) => body(one, listeners))
  })
}

/** Runs a scenario against a Kafka of its own, which it may kill, pause and restart. */
export function ownKafkaScenario(
  name: string,
  cluster: ClusterOptions,
  body: (scenario: Scenario, kafka: KafkaCluster) => Promise<void>,
  options: ScenarioOptions = {},
): void {
  const timeout = options.timeoutMs ?? 2 * TIMEOUT_MS
  const title = `${name} (Apache Kafka ${cluster.version ?? '4.4.0'}, ${cluster.brokers ?? 1})`
  test(title, { timeout, skip: whyNoKafka ?? false }, async () => {
    const kafka = await KafkaCluster.start(cluster)
    try {
      await play('Apache Kafka', kafka.bootstrapServers, (one) => body(one, kafka))
    } finally {
      await kafka.close()
    }
  })
}

async function play(kind: ClusterKind, bootstrapServers: string, body: ScenarioBody) {
  const clients: Kafka[] = []
  const client = (options: Partial<KafkaOptions> = {}): Kafka => {
    const kafka = new Kafka({ bootstrapServers, clientId: 'integration', ...options })
    clients.push(kafka)
    return GROUP_PROTOCOL === undefined ? kafka : speaking(GROUP_PROTOCOL, kafka)
  }
  const scenario: Scenario = {
    kind,
    bootstrapServers,
    client,
    uniqueName,
    topic: async (partitions = 1, configs = {}) => {
      const name = uniqueName('topic')
      await using admin = client().admin()
      await admin.createTopics({ [name]: { partitions, configs } })
      return name
    },
  }
  try {
    await body(scenario)
  } finally {
    await Promise.all(clients.map((kafka) => kafka.close({ timeoutMs: 1000 }).catch(() => {})))
  }
}

const OF_OTHERS = ['sessionTimeoutMs', 'heartbeatIntervalMs', 'partitionAssignors', 'partitions']

/** Consumers of this client speak that protocol, unless their options go with another, or none. */
function speaking(groupProtocol: string, kafka: Kafka): Kafka {
  const make = kafka.consumer.bind(kafka) as (options: object) => unknown
  const consumer = (options: object): unknown => {
    const isOfOther = OF_OTHERS.some((name) => name in options)
    return make(isOfOther ? options : { groupProtocol, ...options })
  }
  return Object.assign(kafka, { consumer })
}

let names = 0

function uniqueName(prefix: string): string {
  names++
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${names}`
}

interface EmbeddedBroker {
  readonly bootstrapServers: string
  close(): Promise<unknown>
}

const embedded = (await import('@odradek/broker')) as {
  readonly startBroker?: (options?: object) => Promise<EmbeddedBroker>
}
const startEmbedded = embedded.startBroker
const whyNoEmbedded =
  startEmbedded === undefined ? 'skipped: the embedded broker is not built' : undefined
/** Why no real Kafka is started here, or undefined. */
export const whyNoKafka =
  GIVEN === undefined ? whyNoJava() : 'skipped: KAFKA_BOOTSTRAP_SERVERS is set'
