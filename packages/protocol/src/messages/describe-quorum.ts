/** State of the metadata quorum. */
import { api } from '../schema/api.ts'
import {
  array,
  int16,
  int32,
  safeInt64,
  string,
  struct,
  timestamp,
  uint16,
  uuid,
} from '../schema/field.ts'

const replicaState = {
  replicaId: int32(),
  replicaDirectoryId: uuid({ versions: '2+' }),
  logEndOffset: safeInt64(),
  lastFetchTimestamp: timestamp({ versions: '1+', default: -1, ignorable: true }),
  lastCaughtUpTimestamp: timestamp({ versions: '1+', default: -1, ignorable: true }),
}

export const describeQuorum = api({
  apiKey: 55,
  name: 'DescribeQuorum',
  versions: '0-2',
  flexible: '0+',
  request: {
    topics: array(
      struct({ topicName: string(), partitions: array(struct({ partitionIndex: int32() })) }),
    ),
  },
  response: {
    errorCode: int16(),
    errorMessage: string({ versions: '2+', nullable: '2+', ignorable: true }),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: string({ versions: '2+', nullable: '2+', ignorable: true }),
            leaderId: int32(),
            leaderEpoch: int32(),
            highWatermark: safeInt64(),
            currentVoters: array(struct(replicaState)),
            observers: array(struct(replicaState)),
          }),
        ),
      }),
    ),
    nodes: array(
      struct({
        nodeId: int32({ versions: '2+' }),
        listeners: array(
          struct({
            name: string({ versions: '2+' }),
            host: string({ versions: '2+' }),
            port: uint16({ versions: '2+' }),
          }),
          { versions: '2+' },
        ),
      }),
      { versions: '2+' },
    ),
  },
})
