/** Describes SCRAM credentials. */
import { api } from '../schema/api.ts'
import { array, int16, int32, int8, string, struct } from '../schema/field.ts'

export const describeUserScramCredentials = api({
  apiKey: 50,
  name: 'DescribeUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: { users: array(struct({ name: string() }), { nullable: '0+' }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    results: array(
      struct({
        user: string(),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
        credentialInfos: array(struct({ mechanism: int8(), iterations: int32() })),
      }),
    ),
  },
})
