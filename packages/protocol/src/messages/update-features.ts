/** Raises or lowers finalized features. */
import { api } from '../schema/api.ts'
import { array, boolean, int16, int32, int8, string, struct } from '../schema/field.ts'

export const updateFeatures = api({
  apiKey: 57,
  name: 'UpdateFeatures',
  versions: '0-2',
  flexible: '0+',
  request: {
    timeoutMs: int32({ default: 60000 }),
    featureUpdates: array(
      struct({
        feature: string(),
        maxVersionLevel: int16(),
        allowDowngrade: boolean({ versions: '0' }),
        upgradeType: int8({ versions: '1+', default: 1 }),
      }),
    ),
    validateOnly: boolean({ versions: '1+', default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    results: array(
      struct({ feature: string(), errorCode: int16(), errorMessage: string({ nullable: '0+' }) }),
      { versions: '0-1', ignorable: true },
    ),
  },
})
