/** Creates a delegation token. */
import { api } from '../schema/api.ts'
import {
  array,
  bytes,
  int16,
  int32,
  safeInt64,
  string,
  struct,
  timestamp,
} from '../schema/field.ts'

export const createDelegationToken = api({
  apiKey: 38,
  name: 'CreateDelegationToken',
  versions: '1-3',
  flexible: '2+',
  request: {
    ownerPrincipalType: string({ versions: '3+', nullable: '3+' }),
    ownerPrincipalName: string({ versions: '3+', nullable: '3+' }),
    renewers: array(struct({ principalType: string(), principalName: string() })),
    maxLifetimeMs: safeInt64(),
  },
  response: {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ versions: '3+' }),
    tokenRequesterPrincipalName: string({ versions: '3+' }),
    issueTimestampMs: timestamp(),
    expiryTimestampMs: timestamp(),
    maxTimestampMs: timestamp(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32(),
  },
})
