/** Alters client quotas. */
import { api } from '../schema/api.ts'
import { array, boolean, float64, int16, int32, string, struct } from '../schema/field.ts'

export const alterClientQuotas = api({
  apiKey: 49,
  name: 'AlterClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    entries: array(
      struct({
        entity: array(struct({ entityType: string(), entityName: string({ nullable: '0+' }) })),
        ops: array(struct({ key: string(), value: float64(), remove: boolean() })),
      }),
    ),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32(),
    entries: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
        entity: array(struct({ entityType: string(), entityName: string({ nullable: '0+' }) })),
      }),
    ),
  },
})
