/**
 * Checks what a user gave and fills in the rest. What is unknown or contradictory is refused before
 * anything starts, with a sentence that says what to write.
 */
import { apis } from '@odradek/protocol'
import type {
  BrokerOptions,
  FeatureName,
  ResolvedOptions,
  SaslMechanism,
} from './broker-options.ts'
import { FEATURES } from './features.ts'
import { refuseUnknown } from './refuse-unknown.ts'
import { checkTopicOptions } from './topic-options.ts'
import { UsageError } from './usage-error.ts'

const MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']
const MAX_INT = 0x7fff_ffff
const MAX_BROKERS = 1000
const MAX_PORT = 65_535

interface NumberRow {
  readonly min: number
  readonly max: number
  readonly standard: number
}

const NUMBERS = {
  brokers: { min: 1, max: MAX_BROKERS, standard: 1 },
  numPartitions: { min: 1, max: 10_000, standard: 1 },
  groupInitialRebalanceDelayMs: { min: 0, max: MAX_INT, standard: 0 },
  groupMinSessionTimeoutMs: { min: 1, max: MAX_INT, standard: 6000 },
  groupMaxSessionTimeoutMs: { min: 1, max: MAX_INT, standard: 1_800_000 },
  groupMaxSize: { min: 1, max: MAX_INT, standard: MAX_INT },
  groupNewMemberJoinTimeoutMs: { min: 1, max: MAX_INT, standard: 300_000 },
  groupConsumerSessionTimeoutMs: { min: 1, max: MAX_INT, standard: 45_000 },
  groupConsumerHeartbeatIntervalMs: { min: 1, max: MAX_INT, standard: 5000 },
  groupConsumerAssignmentIntervalMs: { min: 0, max: MAX_INT, standard: 0 },
  groupConsumerMaxSize: { min: 1, max: MAX_INT, standard: MAX_INT },
  groupShareSessionTimeoutMs: { min: 1, max: MAX_INT, standard: 45_000 },
  groupShareHeartbeatIntervalMs: { min: 1, max: MAX_INT, standard: 5000 },
  groupShareMaxSize: { min: 1, max: MAX_INT, standard: 200 },
  groupShareRecordLockDurationMs: { min: 1, max: MAX_INT, standard: 30_000 },
  groupShareDeliveryCountLimit: { min: 1, max: 32_767, standard: 5 },
  groupSharePartitionMaxRecordLocks: { min: 1, max: MAX_INT, standard: 2000 },
  groupShareMaxShareSessions: { min: 0, max: MAX_INT, standard: 2000 },
  transactionMaxTimeoutMs: { min: 1, max: MAX_INT, standard: 900_000 },
  transactionalIdExpirationMs: { min: 1, max: MAX_INT, standard: 604_800_000 },
  transactionRemoveExpiredTransactionCleanupIntervalMs: {
    min: 1,
    max: MAX_INT,
    standard: 3_600_000,
  },
  transactionMarkersMs: { min: 0, max: MAX_INT, standard: 0 },
  offsetMetadataMaxBytes: { min: 0, max: MAX_INT, standard: 4096 },
  offsetsRetentionMs: { min: 1, max: Number.MAX_SAFE_INTEGER, standard: 604_800_000 },
  offsetsRetentionCheckIntervalMs: { min: 1, max: MAX_INT, standard: 600_000 },
  logRetentionCheckIntervalMs: { min: 1, max: MAX_INT, standard: 300_000 },
  coordinatorLoadMs: { min: 0, max: MAX_INT, standard: 0 },
  brokerSessionTimeoutMs: { min: 0, max: MAX_INT, standard: 1000 },
  socketRequestMaxBytes: { min: 1, max: MAX_INT, standard: 104_857_600 },
  fetchMaxBytes: { min: 1, max: MAX_INT, standard: 57_671_680 },
  maxFetchSessions: { min: 0, max: MAX_INT, standard: 1000 },
} as const satisfies Record<string, NumberRow>

type NumberName = keyof typeof NUMBERS

const NAMES: readonly string[] = [
  ...Object.keys(NUMBERS),
  ...['topics', 'host', 'advertisedHost', 'port', 'racks', 'clusterId', 'autoCreateTopics'],
  ...['sasl', 'tls', 'maxApiVersions', 'features', 'groupConsumerMigrationPolicy'],
  ...['commitsByAssignmentEpoch', 'replicaSelector'],
]

export function resolveOptions(given: BrokerOptions): ResolvedOptions {
  if (typeof given !== 'object' || given === null) {
    throw new UsageError('startBroker takes an object of options.')
  }
  refuseUnknown(Object.keys(given), NAMES, (name) => `startBroker has no option "${name}"`)
  const numbers = resolveNumbers(given)
  if (numbers.groupMinSessionTimeoutMs > numbers.groupMaxSessionTimeoutMs) {
    throw new UsageError('groupMinSessionTimeoutMs must not exceed groupMaxSessionTimeoutMs.')
  }
  const topics = given.topics ?? {}
  for (const [name, topic] of Object.entries(topics)) checkTopicOptions(name, topic)
  const hostOf = perNode(given.host, 'host') ?? (() => '127.0.0.1')
  const { autoCreateTopics = false, racks = [], clusterId } = given
  const { commitsByAssignmentEpoch = true } = given
  for (const [name, value] of Object.entries({ autoCreateTopics, commitsByAssignmentEpoch })) {
    if (typeof value !== 'boolean') throw new UsageError(`${name} must be true or false.`)
  }
  return {
    ...numbers,
    topics,
    hostOf,
    advertisedHostOf: perNode(given.advertisedHost, 'advertisedHost') ?? hostOf,
    portOf: resolvePorts(given.port ?? 0, numbers.brokers),
    rackOf: (nodeId) => racks[nodeId - 1] ?? null,
    clusterId,
    autoCreateTopics,
    commitsByAssignmentEpoch,
    features: resolveFeatures(given.features ?? {}),
    groupConsumerMigrationPolicy: oneOf(
      'groupConsumerMigrationPolicy',
      given.groupConsumerMigrationPolicy ?? 'bidirectional',
      ['bidirectional', 'upgrade', 'downgrade', 'disabled'],
    ),
    replicaSelector: oneOf('replicaSelector', given.replicaSelector ?? 'leader', [
      'leader',
      'rack',
    ]),
    sasl: resolveSasl(given.sasl),
    tls: given.tls,
    maxApiVersions: resolveMaxApiVersions(given.maxApiVersions ?? {}),
  }
}

function resolveNumbers(given: BrokerOptions): Record<NumberName, number> {
  const entries = Object.entries(NUMBERS).map(([name, { min, max, standard }]) => {
    // The keys of the table are keys of the options.
    const value: unknown = given[name as NumberName] ?? standard
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw new UsageError(
        `The option "${name}" must be a whole number from ${min} to ${max}; it is ${String(value)}.`,
      )
    }
    return [name, value]
  })
  // The entries have the table's names, each with a number.
  return Object.fromEntries(entries) as Record<NumberName, number>
}

function perNode(
  value: string | ((nodeId: number) => string) | undefined,
  name: string,
): ((nodeId: number) => string) | undefined {
  if (value === undefined || typeof value === 'function') return value
  if (typeof value === 'string' && value !== '') return () => value
  throw new UsageError(`The option "${name}" must be a host name or a function of the node id.`)
}

function resolvePorts(
  port: number | readonly number[],
  brokers: number,
): (nodeId: number) => number {
  const isPort = (value: unknown): boolean =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_PORT
  if (typeof port === 'number') {
    if (!isPort(port) || !isPort(port === 0 ? 0 : port + brokers - 1)) {
      throw new UsageError(`The option "port" must leave room for ${brokers} ports up to 65535.`)
    }
    return (nodeId) => (port === 0 ? 0 : port + nodeId - 1)
  }
  if (!Array.isArray(port) || port.length !== brokers || !port.every(isPort)) {
    throw new UsageError(
      `The option "port" must be a port or a list of ${brokers} ports, one for each broker.`,
    )
  }
  const ports: readonly number[] = port
  return (nodeId) => ports[nodeId - 1] ?? 0
}

function resolveSasl(sasl: BrokerOptions['sasl']): ResolvedOptions['sasl'] {
  if (sasl === undefined) return undefined
  const { mechanisms = MECHANISMS, users, sessionLifetimeMs = 0 } = sasl
  if (typeof users !== 'object' || users === null || Object.keys(users).length === 0) {
    throw new UsageError('sasl.users must map at least one user name to a password.')
  }
  for (const mechanism of mechanisms) {
    if (!MECHANISMS.includes(mechanism)) {
      throw new UsageError(
        `sasl.mechanisms has "${mechanism}"; the broker speaks ${MECHANISMS.join(', ')}.`,
      )
    }
  }
  return { mechanisms, users, sessionLifetimeMs }
}

function resolveFeatures(
  given: Readonly<Partial<Record<FeatureName, number>>>,
): Readonly<Record<FeatureName, number>> {
  const known = Object.keys(FEATURES)
  refuseUnknown(Object.keys(given), known, (name) => `features names no feature with "${name}"`)
  for (const [name, level] of Object.entries(given)) {
    // Only known names are left.
    const newest = FEATURES[name as FeatureName]
    if (!Number.isInteger(level) || level < 0 || level > newest) {
      throw new UsageError(`The feature ${name} must have a level from 0 to ${newest}.`)
    }
  }
  return { ...FEATURES, ...given }
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw new UsageError(`The option "${name}" must be one of ${allowed.join(', ')}.`)
}

function resolveMaxApiVersions(
  given: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const known = Object.keys(apis)
  refuseUnknown(Object.keys(given), known, (name) => `maxApiVersions names no API with "${name}"`)
  return given
}
