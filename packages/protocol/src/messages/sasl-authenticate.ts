/** Carries SASL tokens; version 1 says when to authenticate again (KIP-368). */
import { api } from '../schema/api.ts'
import { bytes, int16, safeInt64, string } from '../schema/field.ts'

export const saslAuthenticate = api({
  apiKey: 36,
  name: 'SaslAuthenticate',
  versions: '0-2',
  flexible: '2+',
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    authBytes: bytes(),
    sessionLifetimeMs: safeInt64({ versions: '1+', default: 0, ignorable: true }),
  },
})
