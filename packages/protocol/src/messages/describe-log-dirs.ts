/** Sizes of replicas and volumes of a broker. */
import { api } from '../schema/api.ts'
import { array, boolean, int16, int32, safeInt64, string, struct } from '../schema/field.ts'

export const describeLogDirs = api({
  apiKey: 35,
  name: 'DescribeLogDirs',
  versions: '1-5',
  flexible: '2+',
  request: {
    topics: array(struct({ topic: string(), partitions: array(int32()) }), { nullable: '0+' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '3+', ignorable: true }),
    results: array(
      struct({
        errorCode: int16(),
        logDir: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                partitionSize: safeInt64(),
                offsetLag: safeInt64(),
                isFutureKey: boolean(),
              }),
            ),
          }),
        ),
        totalBytes: safeInt64({ versions: '4+', default: -1, ignorable: true }),
        usableBytes: safeInt64({ versions: '4+', default: -1, ignorable: true }),
        isCordoned: boolean({ versions: '5+', default: false, ignorable: true }),
      }),
    ),
  },
})
