/** What a member of a classic consumer group got; travels inside SyncGroup. */
import { array, bytes, int32, string, struct } from '../schema/field.ts'
import { Message } from '../schema/message.ts'

export const consumerProtocolAssignment = new Message({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  flexible: 'none',
  fields: {
    assignedPartitions: array(struct({ topic: string(), partitions: array(int32()) })),
    userData: bytes({ nullable: '0+', default: null }),
  },
})
