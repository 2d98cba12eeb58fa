/** Names of configuration resources, such as groups and metrics subscriptions. */
import { api } from '../schema/api.ts'
import { array, int16, int32, int8, string, struct } from '../schema/field.ts'

export const listConfigResources = api({
  apiKey: 74,
  name: 'ListConfigResources',
  versions: '0-1',
  flexible: '0+',
  request: { resourceTypes: array(int8(), { versions: '1+' }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: array(
      struct({
        resourceName: string(),
        resourceType: int8({ versions: '1+', default: 16, ignorable: true }),
      }),
    ),
  },
})
