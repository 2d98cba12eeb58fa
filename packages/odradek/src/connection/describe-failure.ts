/**
 * Turns what a socket says into what a person can act on: the stage, the cause, what to check.
 * `docs/errors.md` shows these texts, and a test compares them with what really happens.
 */
import { type KafkaError, ProtocolError } from '@odradek/protocol'
import { AuthenticationError, ConnectionError, type ConnectionStage } from '../errors/errors.ts'

export interface FailureContext {
  /** `host:port`. */
  readonly broker: string
  readonly stage: ConnectionStage
  readonly isTls: boolean
  readonly hasSasl: boolean
  /** It has answered requests since it stood: what its listener wants, it got. */
  readonly hasServed?: boolean | undefined
  /** Set when the cluster itself gave this address for a broker. */
  readonly nodeId?: number | undefined
}

type Failure = (Error & { readonly code?: string | undefined }) | undefined

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO|CERT_|_CERT|HOSTNAME_MISMATCH|ALTNAME/
const REFUSES_OURS = /ALERT_(CERTIFICATE_|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)/

export function describeFailure(error: Failure, context: FailureContext): KafkaError {
  if (error instanceof ConnectionError || error instanceof AuthenticationError) return error
  const { stage } = context
  const options = error === undefined ? {} : { cause: error }
  const message = error?.message ?? ''
  const connection = (text: string, at: ConnectionStage): ConnectionError =>
    new ConnectionError(`${startOf(context)}${text}`, at, options)

  if (REFUSES_OURS.test(error?.code ?? '')) {
    return new AuthenticationError(
      `${startOf(context)}it refuses this client's certificate (${error?.code}). ` +
        'Set tls.cert and tls.key to a certificate that its authority has issued.',
      options,
    )
  }
  if (stage === 'tls' && UNTRUSTED.test(error?.code ?? '')) {
    return new AuthenticationError(startOf(context) + distrustOf(error), options)
  }
  if (/speaks TLS, this end does not|TLS alert/.test(message)) {
    return connection(
      'it answered with a TLS alert, so its listener speaks TLS but the client does not. ' +
        "Set tls: true, or use the plaintext listener's port.",
      'tls',
    )
  }
  if (/in HTTP/.test(message)) {
    return connection(
      'an HTTP server answered. Check the port: it is not that of a Kafka broker.',
      'apiVersions',
    )
  }
  if (error instanceof ProtocolError && stage !== 'established') {
    return connection(
      `its answer makes no sense (${message}). Check that this is the port of a Kafka broker.`,
      stage,
    )
  }
  switch (stage) {
    case 'dns':
      return connection(
        `its host name cannot be resolved (${error?.code ?? message}). Check the name, and the ` +
          `network that this process runs in.${adviceFor(context)}`,
        stageOf(context, 'dns'),
      )
    case 'tcp':
      return connection(tcpReason(error) + adviceFor(context), stageOf(context, 'tcp'))
    case 'tls':
      return connection(
        `the TLS handshake failed (${error?.code ?? (message || 'closed')}). Its listener may ` +
          'speak plaintext: leave tls out, or use the port of the TLS listener.',
        'tls',
      )
    case 'apiVersions':
    case 'sasl':
      return connection(
        `it closed the connection ${stage === 'sasl' ? 'during authentication' : 'at once'}` +
          `${error === undefined ? '' : ` (${error.code ?? message})`}.${hintOnClose(context)}`,
        stage,
      )
    default:
      return new ConnectionError(
        error === undefined
          ? `Broker ${context.broker} closed the connection.${hintOnClose(context)}`
          : `The connection to broker ${context.broker} broke: ${message}.`,
        'established',
        options,
      )
  }
}

/** Nothing happened for too long. */
export function describeTimeout(context: FailureContext, timeoutMs: number): ConnectionError {
  const { stage } = context
  const failure = (text: string, at: ConnectionStage): ConnectionError =>
    new ConnectionError(`${startOf(context)}${text}`, at)
  switch (stage) {
    case 'dns':
      return failure(
        `its host name was not resolved within ${timeoutMs} ms. ` +
          `Check the name server of this machine.${adviceFor(context)}`,
        stageOf(context, 'dns'),
      )
    case 'apiVersions':
      return failure(
        `it accepted the connection, and did not answer within ${timeoutMs} ms. ` +
          'Check that this is a Kafka broker, and that it is not overloaded.',
        stage,
      )
    case 'sasl':
      return failure(`authentication did not end within ${timeoutMs} ms.`, stage)
    default:
      return failure(
        `no connection after ${timeoutMs} ms (ETIMEDOUT). ${CHECK_ROUTE}${adviceFor(context)}`,
        stageOf(context, 'tcp'),
      )
  }
}

const CHECK_ROUTE = 'Check that the host is right, and that no firewall drops the packets.'

function startOf({ broker, nodeId }: FailureContext): string {
  const which = nodeId === undefined ? broker : `${nodeId} at ${broker}`
  return `Could not connect to broker ${which}: `
}

/** An address that comes from the cluster is the cluster's to correct. */
function adviceFor({ nodeId }: FailureContext): string {
  return nodeId === undefined
    ? ''
    : ' The cluster itself gave this address: if it cannot be reached from here, ' +
        `advertised.listeners of broker ${nodeId} is wrong for this client.`
}

function stageOf({ nodeId }: FailureContext, stage: ConnectionStage): ConnectionStage {
  return nodeId === undefined ? stage : 'advertisedListener'
}

function tcpReason(error: Failure): string {
  switch (error?.code) {
    case 'ECONNREFUSED':
      return 'nothing listens on that port (ECONNREFUSED). Check the port, and that the broker runs.'
    case 'ETIMEDOUT':
      return `${error.message} (ETIMEDOUT). ${CHECK_ROUTE}`
    default:
      return `${error?.message ?? 'the connection was closed'}. Check host and port.`
  }
}

function distrustOf(error: Failure): string {
  const code = error?.code ?? ''
  if (/ALTNAME|HOSTNAME/.test(code)) {
    return (
      `its certificate is for another name (${code}: ${error?.message ?? ''}). ` +
      'Connect by a name that the certificate has, or set tls.servername to one.'
    )
  }
  if (code === 'CERT_HAS_EXPIRED')
    return 'its certificate has expired (CERT_HAS_EXPIRED). Renew it.'
  return (
    `its certificate is not trusted (${code}: ${error?.message ?? ''}). ` +
    "Give the authority's certificate as tls.ca."
  )
}

function hintOnClose({ isTls, hasSasl, hasServed }: FailureContext): string {
  if ((isTls && hasSasl) || hasServed === true) return ''
  const wanted = [isTls ? '' : 'TLS', hasSasl ? '' : 'SASL'].filter((one) => one !== '')
  return (
    ` If this happens at once: its listener may want ${wanted.join(' or ')}, ` +
    'which this client was not given.'
  )
}
