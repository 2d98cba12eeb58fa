/** Pushes client metrics (KIP-714). */
import { api } from '../schema/api.ts'
import { boolean, bytes, int16, int32, int8, uuid } from '../schema/field.ts'

export const pushTelemetry = api({
  apiKey: 72,
  name: 'PushTelemetry',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: boolean(),
    compressionType: int8(),
    metrics: bytes(),
  },
  response: { throttleTimeMs: int32(), errorCode: int16() },
})
