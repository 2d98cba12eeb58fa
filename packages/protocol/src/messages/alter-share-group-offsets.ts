/** Alters start offsets of share groups. */
import { api } from '../schema/api.ts'
import { array, int16, int32, safeInt64, string, struct, uuid } from '../schema/field.ts'

export const alterShareGroupOffsets = api({
  apiKey: 91,
  name: 'AlterShareGroupOffsets',
  versions: '0',
  flexible: '0+',
  request: {
    groupId: string(),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(struct({ partitionIndex: int32(), startOffset: safeInt64() })),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
    responses: array(
      struct({
        topicName: string(),
        topicId: uuid(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: string({ nullable: '0+', default: null }),
          }),
        ),
      }),
    ),
  },
})
