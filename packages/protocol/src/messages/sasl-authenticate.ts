/** Carries SASL tokens; version 1 says when to authenticate again (KIP-368). */
import { api } from '../schema/api.ts'
import { bytes, int16, string, timestamp } from '../schema/field.ts'

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
    // A token that never expires may be given the largest int64, so this one saturates.
    sessionLifetimeMs: timestamp({ versions: '1+', default: 0, ignorable: true }),
  },
})
