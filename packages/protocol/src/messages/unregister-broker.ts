/** Forgets a broker that is gone. */
import { api } from '../schema/api.ts'
import { int16, int32, string } from '../schema/field.ts'

export const unregisterBroker = api({
  apiKey: 64,
  name: 'UnregisterBroker',
  versions: '0',
  flexible: '0+',
  request: { brokerId: int32() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
  },
})
