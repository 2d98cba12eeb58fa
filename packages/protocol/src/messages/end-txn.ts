/** Commits or aborts a transaction; from version 5 on the response has the next epoch. */
import { api } from '../schema/api.ts'
import { boolean, int16, int32, int64, string } from '../schema/field.ts'

export const endTxn = api({
  apiKey: 26,
  name: 'EndTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: boolean(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ versions: '5+', default: -1n, ignorable: true }),
    producerEpoch: int16({ versions: '5+', default: -1, ignorable: true }),
  },
})
