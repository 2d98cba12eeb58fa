/** Extends the session of a member of a classic group and reports rebalances to it. */
import { api } from '../schema/api.ts'
import { int16, int32, string } from '../schema/field.ts'

export const heartbeat = api({
  apiKey: 12,
  name: 'Heartbeat',
  versions: '0-4',
  flexible: '4+',
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: '3+', default: null }),
  },
  response: { throttleTimeMs: int32({ versions: '1+', ignorable: true }), errorCode: int16() },
})
