/**
 * Names the SASL mechanism of the exchange that follows; an unsupported one ends the connection.
 */
import { ErrorCode, saslHandshake } from '@odradek/protocol'
import { handler } from './handler.ts'

export const saslHandshakeHandler = handler({
  api: saslHandshake,
  handle({ mechanism }, { connection, version }) {
    const { authenticator } = connection
    return {
      errorCode: authenticator.handshake(mechanism, version),
      mechanisms: authenticator.mechanisms,
    }
  },
  errorResponse: (_body, errorCode) => ({ errorCode, mechanisms: [] }),
  endsConnection: ({ errorCode }) => errorCode !== ErrorCode.NONE,
})
