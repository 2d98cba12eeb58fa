/**
 * What a member of a classic consumer group wants and owns; travels inside JoinGroup. Its version
 * is written before it, see `frames/group-blobs.ts`.
 */
import { array, bytes, int32, string, struct } from '../schema/field.ts'
import { Message } from '../schema/message.ts'

export const consumerProtocolSubscription = new Message({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  flexible: 'none',
  fields: {
    topics: array(string()),
    userData: bytes({ nullable: '0+', default: null }),
    ownedPartitions: array(
      struct({ topic: string({ versions: '1+' }), partitions: array(int32(), { versions: '1+' }) }),
      { versions: '1+', ignorable: true },
    ),
    generationId: int32({ versions: '2+', default: -1, ignorable: true }),
    rackId: string({ versions: '3+', nullable: '3+', default: null, ignorable: true }),
  },
})
