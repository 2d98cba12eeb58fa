/**
 * Reads committed offsets of one group, or from version 8 on of several. Version 7 can refuse
 * while transactions are open (KIP-447).
 */
import { api } from '../schema/api.ts'
import { array, boolean, int16, int32, safeInt64, string, struct, uuid } from '../schema/field.ts'

export const offsetFetch = api({
  apiKey: 9,
  name: 'OffsetFetch',
  versions: '1-10',
  flexible: '6+',
  request: {
    groupId: string({ versions: '0-7' }),
    topics: array(
      struct({
        name: string({ versions: '0-7' }),
        partitionIndexes: array(int32(), { versions: '0-7' }),
      }),
      { versions: '0-7', nullable: '2-7' },
    ),
    groups: array(
      struct({
        groupId: string({ versions: '8+' }),
        memberId: string({ versions: '9+', nullable: '9+', default: null, ignorable: true }),
        memberEpoch: int32({ versions: '9+', default: -1, ignorable: true }),
        topics: array(
          struct({
            name: string({ versions: '8-9', ignorable: true }),
            topicId: uuid({ versions: '10+', ignorable: true }),
            partitionIndexes: array(int32(), { versions: '8+' }),
          }),
          { versions: '8+', nullable: '8+' },
        ),
      }),
      { versions: '8+' },
    ),
    requireStable: boolean({ versions: '7+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: '3+', ignorable: true }),
    topics: array(
      struct({
        name: string({ versions: '0-7' }),
        partitions: array(
          struct({
            partitionIndex: int32({ versions: '0-7' }),
            committedOffset: safeInt64({ versions: '0-7' }),
            committedLeaderEpoch: int32({ versions: '5-7', default: -1, ignorable: true }),
            metadata: string({ versions: '0-7', nullable: '0-7' }),
            errorCode: int16({ versions: '0-7' }),
          }),
          { versions: '0-7' },
        ),
      }),
      { versions: '0-7' },
    ),
    errorCode: int16({ versions: '2-7', default: 0, ignorable: true }),
    groups: array(
      struct({
        groupId: string({ versions: '8+' }),
        topics: array(
          struct({
            name: string({ versions: '8-9', ignorable: true }),
            topicId: uuid({ versions: '10+', ignorable: true }),
            partitions: array(
              struct({
                partitionIndex: int32({ versions: '8+' }),
                committedOffset: safeInt64({ versions: '8+' }),
                committedLeaderEpoch: int32({ versions: '8+', default: -1, ignorable: true }),
                metadata: string({ versions: '8+', nullable: '8+' }),
                errorCode: int16({ versions: '8+' }),
              }),
              { versions: '8+' },
            ),
          }),
          { versions: '8+' },
        ),
        errorCode: int16({ versions: '8+', default: 0 }),
      }),
      { versions: '8+' },
    ),
  },
})
