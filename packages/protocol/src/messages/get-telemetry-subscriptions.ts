/** Which metrics a broker wants from this client (KIP-714). */
import { api } from '../schema/api.ts'
import { array, boolean, int16, int32, int8, string, uuid } from '../schema/field.ts'

export const getTelemetrySubscriptions = api({
  apiKey: 71,
  name: 'GetTelemetrySubscriptions',
  versions: '0',
  flexible: '0+',
  request: { clientInstanceId: uuid() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    acceptedCompressionTypes: array(int8()),
    pushIntervalMs: int32(),
    telemetryMaxBytes: int32(),
    deltaTemporality: boolean(),
    requestedMetrics: array(string()),
  },
})
