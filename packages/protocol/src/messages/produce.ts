/**
 * Appends record batches, one per partition. From version 12 on a transactional write adds its
 * partition by itself (KIP-890); from 13 on topics are named by id.
 */
import { api } from '../schema/api.ts'
import {
  array,
  int16,
  int32,
  records,
  safeInt64,
  string,
  struct,
  timestamp,
  uuid,
} from '../schema/field.ts'

export const produce = api({
  apiKey: 0,
  name: 'Produce',
  versions: '3-13',
  flexible: '9+',
  request: {
    transactionalId: string({ nullable: '3+', default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(
      struct({
        name: string({ versions: '0-12', ignorable: true }),
        topicId: uuid({ versions: '13+', ignorable: true }),
        partitionData: array(struct({ index: int32(), records: records({ nullable: '0+' }) })),
      }),
    ),
  },
  response: {
    responses: array(
      struct({
        name: string({ versions: '0-12', ignorable: true }),
        topicId: uuid({ versions: '13+', ignorable: true }),
        partitionResponses: array(
          struct({
            index: int32(),
            errorCode: int16(),
            baseOffset: safeInt64(),
            logAppendTimeMs: timestamp({ default: -1, ignorable: true }),
            logStartOffset: safeInt64({ versions: '5+', default: -1, ignorable: true }),
            recordErrors: array(
              struct({
                batchIndex: int32({ versions: '8+' }),
                batchIndexErrorMessage: string({ versions: '8+', nullable: '8+', default: null }),
              }),
              { versions: '8+', ignorable: true },
            ),
            errorMessage: string({
              versions: '8+',
              nullable: '8+',
              default: null,
              ignorable: true,
            }),
            currentLeader: struct(
              {
                leaderId: int32({ versions: '10+', default: -1 }),
                leaderEpoch: int32({ versions: '10+', default: -1 }),
              },
              { versions: '10+', tag: 0 },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32({ default: 0, ignorable: true }),
    nodeEndpoints: array(
      struct({
        nodeId: int32({ versions: '10+' }),
        host: string({ versions: '10+' }),
        port: int32({ versions: '10+' }),
        rack: string({ versions: '10+', nullable: '10+', default: null }),
      }),
      { versions: '10+', tag: 0 },
    ),
  },
})
