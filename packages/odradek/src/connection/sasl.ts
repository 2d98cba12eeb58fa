/**
 * The SASL exchange over SaslHandshake and SaslAuthenticate, for a new connection and for re-
 * authentication.
 */
import type { Environment } from '@odradek/environment'
import {
  type AnyApi,
  BrokerError,
  ErrorCode,
  saslAuthenticate,
  saslHandshake,
} from '@odradek/protocol'
import type { RequestInput, ResponseOf } from '@odradek/protocol'
import { AuthenticationError, ConnectionError } from '../errors/errors.ts'
import type { OauthToken, SaslOptions } from '../options/client-options.ts'
import { ScramExchange } from './scram.ts'

/** Sends one request on the connection that is being authenticated. */
export type Exchange = <A extends AnyApi>(api: A, body: RequestInput<A>) => Promise<ResponseOf<A>>

const NONCE_BYTES = 18

/** Gives the session's lifetime in ms; 0 means that it does not end. */
export async function authenticate(
  sasl: SaslOptions,
  exchange: Exchange,
  environment: Environment,
  broker: string,
): Promise<number> {
  const mechanism = sasl.mechanism.toUpperCase()
  const handshake = await exchange(saslHandshake, { mechanism })
  if (handshake.errorCode !== 0) {
    const cause = new BrokerError(handshake.errorCode)
    if (handshake.errorCode === ErrorCode.ILLEGAL_SASL_STATE) {
      throw new AuthenticationError(
        `Broker ${broker} does not use SASL on this listener. Leave sasl out, or use the port of ` +
          'a SASL listener.',
        { cause },
      )
    }
    if (cause.retriable) throw cause
    throw new AuthenticationError(
      `Broker ${broker} does not offer the SASL mechanism ${mechanism}; ` +
        `it offers ${handshake.mechanisms.join(', ') || 'none'}. Set sasl.mechanism to one of those.`,
      { cause },
    )
  }
  let lifetimeMs = 0
  const send = async (authBytes: Buffer): Promise<Buffer> => {
    const response = await exchange(saslAuthenticate, { authBytes })
    if (response.errorCode !== 0) {
      const cause = new BrokerError(response.errorCode)
      if (cause.retriable) throw cause
      throw new AuthenticationError(
        `Broker ${broker} refused the ${mechanism} credentials` +
          `${who(sasl)}: ${response.errorMessage ?? 'no reason given'}. ${adviceFor(sasl)}`,
        { cause },
      )
    }
    lifetimeMs = response.sessionLifetimeMs
    return response.authBytes
  }
  switch (sasl.mechanism) {
    case 'plain':
      await send(Buffer.from(`\0${sasl.username}\0${sasl.password}`))
      break
    case 'scram-sha-256':
    case 'scram-sha-512': {
      const scram = new ScramExchange({
        digest: sasl.mechanism === 'scram-sha-256' ? 'sha256' : 'sha512',
        username: sasl.username,
        password: sasl.password,
        nonce: environment.random.bytes(NONCE_BYTES).toString('base64').replaceAll(',', '.'),
      })
      scram.verify(await send(scram.clientFinal(await send(scram.clientFirst()))))
      break
    }
    case 'oauthbearer':
      await sendToken(sasl, send, broker)
  }
  return lifetimeMs
}

async function sendToken(
  sasl: Extract<SaslOptions, { mechanism: 'oauthbearer' }>,
  send: (bytes: Buffer) => Promise<Buffer>,
  broker: string,
): Promise<void> {
  const token = await provide(sasl.token)
  const extensions = Object.entries(token.extensions ?? {})
    .map(([key, value]) => `\x01${key}=${value}`)
    .join('')
  const answer = await send(Buffer.from(`n,,\x01auth=Bearer ${token.value}${extensions}\x01\x01`))
  // A refusal comes as a JSON challenge; a single 0x01 then asks for the error itself.
  if (answer.length > 0) {
    await send(Buffer.from([1]))
    throw new AuthenticationError(`Broker ${broker} refused the OAuth token: ${answer.toString()}`)
  }
}

/** A provider that fails is no refusal: it may work the next time. */
async function provide(token: () => OauthToken | Promise<OauthToken>): Promise<OauthToken> {
  let given: OauthToken
  try {
    given = await token()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConnectionError(
      `The provider of OAuth tokens (sasl.token) failed: ${reason}`,
      'sasl',
      {
        cause: error,
      },
    )
  }
  if (typeof given?.value === 'string' && given.value !== '') return given
  throw new AuthenticationError(
    'The provider of OAuth tokens (sasl.token) must give an object with a string "value".',
  )
}

function who(sasl: SaslOptions): string {
  return sasl.mechanism === 'oauthbearer' ? '' : ` of "${sasl.username}"`
}

function adviceFor(sasl: SaslOptions): string {
  return sasl.mechanism === 'oauthbearer'
    ? 'Check the token that sasl.token gives.'
    : 'Check name and secret.'
}
