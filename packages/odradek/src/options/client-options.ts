/** The options of a client: where its cluster is, who it is, and how patient. */
import type { ClientTlsOptions } from '@odradek/environment'
import { UsageError } from '../errors/errors.ts'
import { isNumber, isObject, isString, isStringOrStrings, type OptionRow } from './option-table.ts'

/** `SaslOptions`, where the mechanism may be in Kafka's own spelling (`PLAIN`, `SCRAM-SHA-512`). */
export type SaslInput = SaslOptions extends infer S
  ? S extends { readonly mechanism: infer M extends string }
    ? Omit<S, 'mechanism'> & { readonly mechanism: M | Uppercase<M> }
    : never
  : never

/** Who a client is, and how it proves it. The secret is in no message, event or inspection. */
export type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      /**
       * Gives a token when a connection needs one; called again before sessions expire. When it
       * throws the connection is tried again later.
       */
      readonly token: () => OauthToken | Promise<OauthToken>
    }

/** What `sasl.token` gives. */
export interface OauthToken {
  /** The token itself (for JSON web tokens: `header.payload.signature`). */
  readonly value: string
  /** SASL extensions (KIP-342), as the identity provider of the cluster wants them. */
  readonly extensions?: Readonly<Record<string, string>> | undefined
}

/** The options of `new Kafka(...)`. */
export interface KafkaOptions {
  /** Brokers to begin with: `'host:port,host:port'` or a list. One that is alive is enough. */
  readonly bootstrapServers: string | readonly string[]
  /** How brokers' logs and quotas name this client. Default `odradek`. */
  readonly clientId?: string | undefined
  /**
   * Speak TLS: `true`, or `{ ca, cert, key, passphrase, servername, minVersion }`. Default false.
   */
  readonly tls?: boolean | ClientTlsOptions | undefined
  /** Who this client is: PLAIN, SCRAM or OAUTHBEARER. Default nobody. */
  readonly sasl?: SaslInput | undefined
  /** Where this client runs, for reading from near replicas. */
  readonly clientRack?: string | undefined
  /** How long a broker may take for a request beyond the request's own wait, ms. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a call may take with all its retries unless it says otherwise, ms. Default 60,000. */
  readonly defaultApiTimeoutMs?: number | undefined
  /** The first pause before a call is tried again, ms; it doubles, with jitter. Default 100. */
  readonly retryBackoffMs?: number | undefined
  /** The longest pause between two tries, ms. Default 1,000. */
  readonly retryBackoffMaxMs?: number | undefined
  /** The first pause before a broker is connected to again, ms; it doubles. Default 50. */
  readonly reconnectBackoffMs?: number | undefined
  /** The longest pause before a broker is connected to again, ms. Default 1,000. */
  readonly reconnectBackoffMaxMs?: number | undefined
  /** How long a connection may take to stand, handshakes included, ms. Default 10,000. */
  readonly connectionSetupTimeoutMs?: number | undefined
  /** A connection without requests for so long is closed, ms. Default 540,000. */
  readonly connectionsMaxIdleMs?: number | undefined
  /** How old metadata may become before it is fetched again without need, ms. Default 300,000. */
  readonly metadataMaxAgeMs?: number | undefined
  /**
   * When known brokers give no metadata for so long, the client begins again from its bootstrap
   * servers (KIP-1102), ms. Default 300,000.
   */
  readonly metadataRecoveryRebootstrapTriggerMs?: number | undefined
  /** The largest answer that is accepted, bytes. Default 100 MiB. */
  readonly maxResponseBytes?: number | undefined
}

/** What is in force for a client: what was given, and the defaults. See `KafkaOptions`. */
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

const TLS_OPTIONS: readonly string[] = [
  'ca',
  'cert',
  'key',
  'passphrase',
  'servername',
  'minVersion',
  'rejectUnauthorized',
]

function checkTls(value: unknown): string | undefined {
  if (typeof value === 'boolean') return undefined
  const problem = isObject(value)
  if (problem !== undefined) return `true, false or ${problem}`
  const unknown = Object.keys(value as object).find((name) => !TLS_OPTIONS.includes(name))
  if (unknown !== undefined) {
    return `true, false or an object of ${TLS_OPTIONS.join(', ')} (there is no "${unknown}")`
  }
  return checkTlsParts(value as Readonly<Record<string, unknown>>)
}

function checkTlsParts(tls: Readonly<Record<string, unknown>>): string | undefined {
  if (tls['key'] === REDACTED || tls['passphrase'] === REDACTED) return WAS_REDACTED
  const isPem = (one: unknown): boolean => typeof one === 'string' || Buffer.isBuffer(one)
  const { ca, cert, key, passphrase, servername, rejectUnauthorized, minVersion } = tls
  for (const [name, given] of Object.entries({ cert, key })) {
    if (given !== undefined && !isPem(given))
      return `an object whose "${name}" is a PEM text or a Buffer`
  }
  const cas: readonly unknown[] = Array.isArray(ca) ? ca : [ca]
  if (ca !== undefined && !cas.every(isPem))
    return 'an object whose "ca" is PEM text, a Buffer, or a list'
  if (cert !== undefined && key === undefined) {
    return 'an object with "key" where there is "cert" (the private key of the certificate)'
  }
  if (key !== undefined && cert === undefined) {
    return 'an object with "cert" where there is "key" (the certificate of the private key)'
  }
  if (passphrase !== undefined && key === undefined) {
    return 'an object with "key" where there is "passphrase" (which is for the key)'
  }
  for (const [name, given] of Object.entries({ passphrase, servername })) {
    if (given !== undefined && typeof given !== 'string')
      return `an object whose "${name}" is a string`
  }
  if (rejectUnauthorized !== undefined && typeof rejectUnauthorized !== 'boolean') {
    return 'an object whose "rejectUnauthorized" is true or false'
  }
  const isVersion = minVersion === undefined || minVersion === 'TLSv1.2' || minVersion === 'TLSv1.3'
  return isVersion ? undefined : 'an object whose "minVersion" is "TLSv1.2" or "TLSv1.3"'
}

const REDACTED = '[redacted]'
const WAS_REDACTED =
  'what was given to the first client (kafka.effectiveOptions shows "[redacted]" for secrets)'

/** Stands for a provider of tokens: calling that would show one. */
const redactedToken = (): never => {
  throw new UsageError('kafka.effectiveOptions does not show tokens: call your own function.')
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']

function checkSasl(value: unknown): string | undefined {
  const problem = isObject(value)
  if (problem !== undefined) return problem
  const sasl = value as Readonly<Record<string, unknown>>
  const mechanism = String(sasl['mechanism'])
  if (!MECHANISMS.includes(mechanism.toLowerCase())) {
    return `an object whose mechanism is one of ${MECHANISMS.join(', ')} (not "${mechanism}")`
  }
  const isOauth = mechanism.toLowerCase() === 'oauthbearer'
  const parts = isOauth ? ['mechanism', 'token'] : ['mechanism', 'username', 'password']
  const unknown = Object.keys(sasl).find((name) => !parts.includes(name))
  if (unknown !== undefined) return `an object of ${parts.join(', ')} (there is no "${unknown}")`
  if (isOauth) {
    if (sasl['token'] === redactedToken) return WAS_REDACTED
    return typeof sasl['token'] === 'function' ? undefined : 'an object with a function "token"'
  }
  if (sasl['password'] === REDACTED) return WAS_REDACTED
  return typeof sasl['username'] === 'string' && typeof sasl['password'] === 'string'
    ? undefined
    : 'an object with the strings "username" and "password"'
}

/** Options as they are in force: names of mechanisms in our spelling. */
export function settleClientOptions(parsed: EffectiveKafkaOptions): EffectiveKafkaOptions {
  const { sasl } = parsed
  if (sasl === undefined) return parsed
  const mechanism = sasl.mechanism.toLowerCase()
  // The table has checked it: one of ours.
  return { ...parsed, sasl: { ...sasl, mechanism } as SaslOptions }
}

/** What `kafka.effectiveOptions` shows: without passwords, tokens, keys and passphrases. */
export function redactClientOptions(options: EffectiveKafkaOptions): EffectiveKafkaOptions {
  const { sasl, tls } = options
  return {
    ...options,
    ...(sasl === undefined ? {} : { sasl: redactSasl(sasl) }),
    ...(typeof tls !== 'object' ? {} : { tls: redactTls(tls) }),
  }
}

function redactSasl(sasl: SaslOptions): SaslOptions {
  return sasl.mechanism === 'oauthbearer'
    ? { ...sasl, token: redactedToken }
    : { ...sasl, password: REDACTED }
}

function redactTls(tls: ClientTlsOptions): ClientTlsOptions {
  const secrets = (['key', 'passphrase'] as const).filter((name) => tls[name] !== undefined)
  return { ...tls, ...Object.fromEntries(secrets.map((name) => [name, REDACTED])) }
}

export const CLIENT_OPTIONS: readonly OptionRow[] = [
  {
    name: 'bootstrapServers',
    alsoCalled: ['brokers', 'servers', 'metadata.broker.list', 'seedBrokers', 'bootstrapBrokers'],
    kafkaName: 'bootstrap.servers',
    isRequired: true,
    isSecret: true,
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
    alsoCalled: ['ssl'],
    kafkaName: 'security.protocol',
    isSecret: true,
    check: checkTls,
    text: 'speak TLS: true, or an object with ca, cert, key, servername.',
  },
  {
    name: 'sasl',
    kafkaName: 'sasl.mechanism',
    isSecret: true,
    check: checkSasl,
    text: 'who this client is.',
  },
  {
    name: 'clientRack',
    alsoCalled: ['rackId'],
    kafkaName: 'client.rack',
    check: isString,
    text: 'where this client runs, for reading from near replicas.',
  },
  {
    name: 'requestTimeoutMs',
    alsoCalled: ['requestTimeout'],
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
    alsoCalled: ['initialRetryTime'],
    kafkaName: 'retry.backoff.ms',
    unit: 'ms',
    default: 100,
    check: isNumber(1),
    text: 'the first pause before a call is tried again; it doubles, with jitter.',
  },
  {
    name: 'retryBackoffMaxMs',
    alsoCalled: ['maxRetryTime'],
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
    alsoCalled: ['connectionTimeout', 'authenticationTimeout', 'connectTimeout'],
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
    alsoCalled: ['metadataMaxAge'],
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
