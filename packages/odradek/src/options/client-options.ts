/** The options of a client: where its cluster is, who it is, and how patient. */
import type { ClientTlsOptions } from '@odradek/environment'
import { isNumber, isObject, isString, isStringOrStrings, type OptionRow } from './option-table.ts'

export type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      /** Gives a token when a connection needs one; called again before sessions expire. */
      readonly token: () => OauthToken | Promise<OauthToken>
    }

export interface OauthToken {
  readonly value: string
  readonly extensions?: Readonly<Record<string, string>> | undefined
}

/** The options of `new Kafka(...)`. */
export interface KafkaOptions {
  /** Brokers to begin with: `'host:port,host:port'` or a list. One that is alive is enough. */
  readonly bootstrapServers: string | readonly string[]
  /** How brokers' logs and quotas name this client. Default `odradek`. */
  readonly clientId?: string | undefined
  /** Speak TLS: `true`, or certificates and the like. */
  readonly tls?: boolean | ClientTlsOptions | undefined
  readonly sasl?: SaslOptions | undefined
  /** Where this client runs, for reading from near replicas. */
  readonly clientRack?: string | undefined
  /** How long a broker may take for a request beyond the request's own wait, ms. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a call may take with all its retries unless it says otherwise, ms. Default 60,000. */
  readonly defaultApiTimeoutMs?: number | undefined
  readonly retryBackoffMs?: number | undefined
  readonly retryBackoffMaxMs?: number | undefined
  readonly reconnectBackoffMs?: number | undefined
  readonly reconnectBackoffMaxMs?: number | undefined
  readonly connectionSetupTimeoutMs?: number | undefined
  readonly connectionsMaxIdleMs?: number | undefined
  readonly metadataMaxAgeMs?: number | undefined
  readonly metadataRecoveryRebootstrapTriggerMs?: number | undefined
  /** The largest answer that is accepted, bytes. Default 100 MiB. */
  readonly maxResponseBytes?: number | undefined
}

export interface EffectiveKafkaOptions {
  readonly bootstrapServers: string | readonly string[]
  readonly clientId: string
  readonly tls?: boolean | ClientTlsOptions
  readonly sasl?: SaslOptions
  readonly clientRack?: string
  readonly requestTimeoutMs: number
  readonly defaultApiTimeoutMs: number
  readonly retryBackoffMs: number
  readonly retryBackoffMaxMs: number
  readonly reconnectBackoffMs: number
  readonly reconnectBackoffMaxMs: number
  readonly connectionSetupTimeoutMs: number
  readonly connectionsMaxIdleMs: number
  readonly metadataMaxAgeMs: number
  readonly metadataRecoveryRebootstrapTriggerMs: number
  readonly maxResponseBytes: number
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']

function checkSasl(value: unknown): string | undefined {
  const problem = isObject(value)
  if (problem !== undefined) return problem
  const sasl = value as Readonly<Record<string, unknown>>
  if (!MECHANISMS.includes(sasl['mechanism'] as string)) {
    return `an object whose mechanism is one of ${MECHANISMS.join(', ')}`
  }
  if (sasl['mechanism'] === 'oauthbearer') {
    return typeof sasl['token'] === 'function' ? undefined : 'an object with a function "token"'
  }
  return typeof sasl['username'] === 'string' && typeof sasl['password'] === 'string'
    ? undefined
    : 'an object with the strings "username" and "password"'
}

export const CLIENT_OPTIONS: readonly OptionRow[] = [
  {
    name: 'bootstrapServers',
    kafkaName: 'bootstrap.servers',
    isRequired: true,
    check: isStringOrStrings,
    text: 'the brokers to begin with, as "host:port,host:port" or a list; one that is alive is enough.',
  },
  {
    name: 'clientId',
    kafkaName: 'client.id',
    default: 'odradek',
    check: isString,
    text: "how brokers' logs and quotas name this client.",
  },
  {
    name: 'tls',
    kafkaName: 'security.protocol',
    check: (value) => (typeof value === 'boolean' ? undefined : isObject(value)),
    text: 'speak TLS: true, or an object with ca, cert, key, servername.',
  },
  { name: 'sasl', kafkaName: 'sasl.mechanism', check: checkSasl, text: 'who this client is.' },
  {
    name: 'clientRack',
    kafkaName: 'client.rack',
    check: isString,
    text: 'where this client runs, for reading from near replicas.',
  },
  {
    name: 'requestTimeoutMs',
    kafkaName: 'request.timeout.ms',
    unit: 'ms',
    default: 30_000,
    check: isNumber(1),
    text: "how long a broker may take for a request, beyond the request's own wait.",
  },
  {
    name: 'defaultApiTimeoutMs',
    kafkaName: 'default.api.timeout.ms',
    unit: 'ms',
    default: 60_000,
    check: isNumber(1),
    text: 'how long a call may take with all its retries, unless it says otherwise.',
  },
  {
    name: 'retryBackoffMs',
    kafkaName: 'retry.backoff.ms',
    unit: 'ms',
    default: 100,
    check: isNumber(1),
    text: 'the first pause before a call is tried again; it doubles, with jitter.',
  },
  {
    name: 'retryBackoffMaxMs',
    kafkaName: 'retry.backoff.max.ms',
    unit: 'ms',
    default: 1000,
    check: isNumber(1),
    text: 'the longest pause between two tries.',
  },
  {
    name: 'reconnectBackoffMs',
    kafkaName: 'reconnect.backoff.ms',
    unit: 'ms',
    default: 50,
    check: isNumber(1),
    text: 'the first pause before a broker is connected to again; it doubles, with jitter.',
  },
  {
    name: 'reconnectBackoffMaxMs',
    kafkaName: 'reconnect.backoff.max.ms',
    unit: 'ms',
    default: 1000,
    check: isNumber(1),
    text: 'the longest pause before a broker is connected to again.',
  },
  {
    name: 'connectionSetupTimeoutMs',
    kafkaName: 'socket.connection.setup.timeout.ms',
    unit: 'ms',
    default: 10_000,
    check: isNumber(1),
    text: 'how long a connection may take to stand, handshakes included.',
  },
  {
    name: 'connectionsMaxIdleMs',
    kafkaName: 'connections.max.idle.ms',
    unit: 'ms',
    default: 540_000,
    check: isNumber(1),
    text: 'a connection without requests for so long is closed.',
  },
  {
    name: 'metadataMaxAgeMs',
    kafkaName: 'metadata.max.age.ms',
    unit: 'ms',
    default: 300_000,
    check: isNumber(1),
    text: 'how old metadata may become before it is fetched again without need.',
  },
  {
    name: 'metadataRecoveryRebootstrapTriggerMs',
    kafkaName: 'metadata.recovery.rebootstrap.trigger.ms',
    unit: 'ms',
    default: 300_000,
    check: isNumber(1),
    text: 'without fresh metadata for so long, the client begins again from its bootstrap servers.',
  },
  {
    name: 'maxResponseBytes',
    kafkaName: 'receive.message.max.bytes',
    unit: 'bytes',
    default: 104_857_600,
    check: isNumber(1024),
    text: 'the largest answer that is accepted; a larger one closes the connection.',
  },
]
