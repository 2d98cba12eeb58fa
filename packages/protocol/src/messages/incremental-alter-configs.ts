/** Changes single configuration entries: 0 set, 1 delete, 2 append, 3 subtract. */
import { api } from '../schema/api.ts'
import { array, boolean, int16, int32, int8, string, struct } from '../schema/field.ts'

export const incrementalAlterConfigs = api({
  apiKey: 44,
  name: 'IncrementalAlterConfigs',
  versions: '0-1',
  flexible: '1+',
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({ name: string(), configOperation: int8(), value: string({ nullable: '0+' }) }),
        ),
      }),
    ),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32(),
    responses: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  },
})
