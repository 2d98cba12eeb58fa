/** Active producers of partitions. */
import { api } from '../schema/api.ts'
import {
  array,
  int16,
  int32,
  int64,
  safeInt64,
  string,
  struct,
  timestamp,
} from '../schema/field.ts'

export const describeProducers = api({
  apiKey: 61,
  name: 'DescribeProducers',
  versions: '0',
  flexible: '0+',
  request: { topics: array(struct({ name: string(), partitionIndexes: array(int32()) })) },
  response: {
    throttleTimeMs: int32(),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: string({ nullable: '0+', default: null }),
            activeProducers: array(
              struct({
                producerId: int64(),
                producerEpoch: int32(),
                lastSequence: int32({ default: -1 }),
                lastTimestamp: timestamp({ default: -1 }),
                coordinatorEpoch: int32(),
                currentTxnStartOffset: safeInt64({ default: -1 }),
              }),
            ),
          }),
        ),
      }),
    ),
  },
})
