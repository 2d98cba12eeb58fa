/**
 * Carries the tokens of a SASL exchange. A refused client gets the error, then its connection ends.
 */
import { ErrorCode, saslAuthenticate } from '@odradek/protocol'
import { handler } from './handler.ts'

export const saslAuthenticateHandler = handler({
  api: saslAuthenticate,
  handle: ({ authBytes }, { connection }) => connection.authenticator.token(authBytes),
  errorResponse: (_body, errorCode) => ({
    errorCode,
    errorMessage: null,
    authBytes: Buffer.alloc(0),
  }),
  endsConnection: ({ errorCode }) => errorCode !== ErrorCode.NONE,
})
