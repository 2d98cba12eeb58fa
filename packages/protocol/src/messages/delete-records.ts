/** Moves the log start forward; offset -1 means the high watermark. */
import { api } from '../schema/api.ts'
import { array, int16, int32, safeInt64, string, struct } from '../schema/field.ts'

export const deleteRecords = api({
  apiKey: 21,
  name: 'DeleteRecords',
  versions: '0-2',
  flexible: '2+',
  request: {
    topics: array(
      struct({
        name: string(),
        partitions: array(struct({ partitionIndex: int32(), offset: safeInt64() })),
      }),
    ),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32(),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({ partitionIndex: int32(), lowWatermark: safeInt64(), errorCode: int16() }),
        ),
      }),
    ),
  },
})
