/** Renews a delegation token. */
import { api } from '../schema/api.ts'
import { bytes, int16, int32, safeInt64, timestamp } from '../schema/field.ts'

export const renewDelegationToken = api({
  apiKey: 39,
  name: 'RenewDelegationToken',
  versions: '1-2',
  flexible: '2+',
  request: { hmac: bytes(), renewPeriodMs: safeInt64() },
  response: { errorCode: int16(), expiryTimestampMs: timestamp(), throttleTimeMs: int32() },
})
