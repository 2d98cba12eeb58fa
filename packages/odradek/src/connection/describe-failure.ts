/** Turns what a socket says into what a person can act on: the stage, the cause, what to check. */
import { KafkaError } from '@odradek/protocol'
import { ConnectionError, type ConnectionStage } from '../errors/errors.ts'

export interface FailureContext {
  readonly stage: ConnectionStage
  readonly isTls: boolean
}

export function describeFailure(
  broker: string,
  error: (Error & { readonly code?: string | undefined }) | undefined,
  { stage, isTls }: FailureContext,
): KafkaError {
  if (error instanceof ConnectionError) return error
  const options = error === undefined ? {} : { cause: error }
  const start = `Could not connect to broker ${broker}: `
  const message = error?.message ?? ''
  if (/speaks TLS, this end does not|TLS alert/.test(message)) {
    return new ConnectionError(
      `${start}it answered with a TLS alert, so its listener speaks TLS but the client does not. ` +
        "Set tls: true, or use the plaintext listener's port.",
      'tls',
      options,
    )
  }
  if (/in HTTP/.test(message)) {
    return new ConnectionError(
      `${start}an HTTP server answered. Check the port of the bootstrap server.`,
      'apiVersions',
      options,
    )
  }
  switch (stage) {
    case 'dns':
      return new ConnectionError(
        `${start}its host name cannot be resolved (${error?.code ?? message}). ` +
          'Check the name, and the network that this process runs in.',
        'dns',
        options,
      )
    case 'tcp':
      return new ConnectionError(start + tcpReason(error), 'tcp', options)
    case 'tls':
      return new ConnectionError(start + tlsReason(error), 'tls', options)
    default:
      return new ConnectionError(
        error === undefined
          ? `Broker ${broker} closed the connection${isTls ? '' : HINT_ON_CLOSE}.`
          : `The connection to broker ${broker} broke: ${message}.`,
        'established',
        options,
      )
  }
}

const HINT_ON_CLOSE =
  ' (if this happens at once: its listener may want TLS or SASL, which this client was not given)'

function tcpReason(error: (Error & { readonly code?: string | undefined }) | undefined): string {
  switch (error?.code) {
    case 'ECONNREFUSED':
      return 'nothing listens on that port (ECONNREFUSED). Check the port, and that the broker runs.'
    case 'ETIMEDOUT':
      return (
        `${error.message} (ETIMEDOUT). ` +
        'Check that the host is right and that no firewall drops the packets.'
      )
    default:
      return `${error?.message ?? 'the connection was closed'}. Check host and port.`
  }
}

function tlsReason(error: (Error & { readonly code?: string | undefined }) | undefined): string {
  const code = error?.code ?? ''
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return (
      `its certificate is not trusted (${code}: ${error?.message ?? ''}). ` +
      "Give the authority's certificate as tls.ca, and check the host name."
    )
  }
  return (
    `the TLS handshake failed (${code || (error?.message ?? 'closed')}). ` +
    'Its listener may speak plaintext: leave tls out, or use the port of the TLS listener.'
  )
}
