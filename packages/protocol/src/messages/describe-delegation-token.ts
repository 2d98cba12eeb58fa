/** Describes delegation tokens. */
import { api } from '../schema/api.ts'
import { array, bytes, int16, int32, string, struct, timestamp } from '../schema/field.ts'

export const describeDelegationToken = api({
  apiKey: 41,
  name: 'DescribeDelegationToken',
  versions: '1-3',
  flexible: '2+',
  request: {
    owners: array(struct({ principalType: string(), principalName: string() }), { nullable: '0+' }),
  },
  response: {
    errorCode: int16(),
    tokens: array(
      struct({
        principalType: string(),
        principalName: string(),
        tokenRequesterPrincipalType: string({ versions: '3+' }),
        tokenRequesterPrincipalName: string({ versions: '3+' }),
        issueTimestamp: timestamp(),
        expiryTimestamp: timestamp(),
        maxTimestamp: timestamp(),
        tokenId: string(),
        hmac: bytes(),
        renewers: array(struct({ principalType: string(), principalName: string() })),
      }),
    ),
    throttleTimeMs: int32(),
  },
})
