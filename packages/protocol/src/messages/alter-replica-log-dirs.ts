/** Moves replicas between log directories of a broker. */
import { api } from '../schema/api.ts'
import { array, int16, int32, string, struct } from '../schema/field.ts'

export const alterReplicaLogDirs = api({
  apiKey: 34,
  name: 'AlterReplicaLogDirs',
  versions: '1-2',
  flexible: '2+',
  request: {
    dirs: array(
      struct({
        path: string(),
        topics: array(struct({ name: string(), partitions: array(int32()) })),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32(),
    results: array(
      struct({
        topicName: string(),
        partitions: array(struct({ partitionIndex: int32(), errorCode: int16() })),
      }),
    ),
  },
})
