/** Forgets a controller that is gone. */
import { api } from '../schema/api.ts'
import { int16, int32, string } from '../schema/field.ts'

export const unregisterController = api({
  apiKey: 94,
  name: 'UnregisterController',
  versions: '0',
  flexible: '0+',
  request: { controllerId: int32() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
  },
})
