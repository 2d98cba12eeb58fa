/**
 * What one connection may do before and after it has authenticated. Without SASL everything is
 * allowed; with it an unauthenticated connection may only request versions and authenticate, and
 * with a session lifetime it must authenticate again in time (KIP-368). Other requests end the
 * connection. SaslHandshake version 0 is followed by bare tokens without request headers.
 */
import type { Environment } from '@odradek/environment'
import { ErrorCode } from '@odradek/protocol'
import type { ResolvedOptions, SaslMechanism } from '../options/broker-options.ts'
import { type ScramCredentials, ScramServer } from './scram.ts'

const API_VERSIONS = 18
const SASL_HANDSHAKE = 17
const SASL_AUTHENTICATE = 36

export interface TokenAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly authBytes: Buffer
  readonly sessionLifetimeMs: number
}

type Exchange =
  | { readonly mechanism: 'PLAIN' }
  | { readonly mechanism: Exclude<SaslMechanism, 'PLAIN'>; readonly scram: ScramServer }

export class Authenticator {
  readonly #sasl: ResolvedOptions['sasl']
  readonly #credentials: ScramCredentials
  readonly #environment: Environment
  #exchange: Exchange | undefined
  #takesBareTokens = false
  #isAuthenticated = false
  #expiresAt = Number.POSITIVE_INFINITY
  /** `User:alice`, as Kafka writes principals. */
  principal = 'User:ANONYMOUS'

  constructor(
    sasl: ResolvedOptions['sasl'],
    credentials: ScramCredentials,
    environment: Environment,
  ) {
    this.#sasl = sasl
    this.#credentials = credentials
    this.#environment = environment
  }

  /** The next frame is a token without a header. */
  get takesBareTokens(): boolean {
    return this.#takesBareTokens
  }

  allows(apiKey: number): boolean {
    if (this.#sasl === undefined) return true
    if (apiKey === SASL_HANDSHAKE) return true
    if (apiKey === SASL_AUTHENTICATE) return this.#exchange !== undefined
    if (!this.#isAuthenticated) return apiKey === API_VERSIONS && this.#exchange === undefined
    return this.#environment.clock.monotonic() < this.#expiresAt
  }

  handshake(name: string, version: number): number {
    if (this.#sasl === undefined) return ErrorCode.ILLEGAL_SASL_STATE
    const mechanism = this.#sasl.mechanisms.find((one) => one === name)
    if (mechanism === undefined) return ErrorCode.UNSUPPORTED_SASL_MECHANISM
    this.#exchange =
      mechanism === 'PLAIN'
        ? { mechanism }
        : {
            mechanism,
            scram: new ScramServer(
              mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512',
              this.#credentials,
            ),
          }
    this.#takesBareTokens = version === 0
    return ErrorCode.NONE
  }

  get mechanisms(): readonly SaslMechanism[] {
    return this.#sasl?.mechanisms ?? []
  }

  token(bytes: Buffer): TokenAnswer {
    const exchange = this.#exchange
    if (exchange === undefined) return refused('Send SaslHandshake first.', true)
    if (exchange.mechanism === 'PLAIN') return this.#plain(bytes)
    const { scram, mechanism } = exchange
    const isFirst = scram.isFirst
    const text = isFirst ? scram.first(bytes) : scram.final(bytes)
    if (text === undefined) return this.#invalid(mechanism)
    if (isFirst) return this.#answer(Buffer.from(text), 0)
    return this.#succeed(scram.user, Buffer.from(text))
  }

  #plain(bytes: Buffer): TokenAnswer {
    const [, user = '', password = ''] = bytes.toString('utf8').split('\0')
    if (!this.#credentials.isPassword(user, password)) return this.#invalid('PLAIN')
    return this.#succeed(user, Buffer.alloc(0))
  }

  #invalid(mechanism: SaslMechanism): TokenAnswer {
    this.#exchange = undefined
    return refused(
      `Authentication failed during authentication due to invalid credentials with SASL ` +
        `mechanism ${mechanism}`,
    )
  }

  #succeed(user: string, authBytes: Buffer): TokenAnswer {
    const lifetimeMs = this.#sasl?.sessionLifetimeMs ?? 0
    this.#exchange = undefined
    this.#takesBareTokens = false
    this.#isAuthenticated = true
    this.principal = `User:${user}`
    this.#expiresAt =
      lifetimeMs > 0 ? this.#environment.clock.monotonic() + lifetimeMs : Number.POSITIVE_INFINITY
    return this.#answer(authBytes, lifetimeMs)
  }

  #answer(authBytes: Buffer, sessionLifetimeMs: number): TokenAnswer {
    return { errorCode: ErrorCode.NONE, errorMessage: null, authBytes, sessionLifetimeMs }
  }
}

function refused(errorMessage: string, isOutOfTurn = false): TokenAnswer {
  return {
    errorCode: isOutOfTurn ? ErrorCode.ILLEGAL_SASL_STATE : ErrorCode.SASL_AUTHENTICATION_FAILED,
    errorMessage,
    authBytes: Buffer.alloc(0),
    sessionLifetimeMs: 0,
  }
}
