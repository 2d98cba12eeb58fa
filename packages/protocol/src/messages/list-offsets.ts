/**
 * Looks offsets up by timestamp, or by the special timestamps: -1 latest, -2 earliest, -3 of the
 * largest timestamp, -4 earliest local, -5 latest tiered.
 */
import { api } from '../schema/api.ts'
import { array, int16, int32, int8, safeInt64, string, struct, timestamp } from '../schema/field.ts'

export const listOffsets = api({
  apiKey: 2,
  name: 'ListOffsets',
  versions: '1-11',
  flexible: '6+',
  request: {
    replicaId: int32(),
    isolationLevel: int8({ versions: '2+' }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: int32({ versions: '4+', default: -1, ignorable: true }),
            timestamp: timestamp(),
          }),
        ),
      }),
    ),
    timeoutMs: int32({ versions: '10+', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            timestamp: timestamp({ default: -1 }),
            offset: safeInt64({ default: -1 }),
            leaderEpoch: int32({ versions: '4+', default: -1 }),
          }),
        ),
      }),
    ),
  },
})
