/** Deletes empty groups. */
import { api } from '../schema/api.ts'
import { array, int16, int32, string, struct } from '../schema/field.ts'

export const deleteGroups = api({
  apiKey: 42,
  name: 'DeleteGroups',
  versions: '0-3',
  flexible: '2+',
  request: { groupsNames: array(string()) },
  response: {
    throttleTimeMs: int32(),
    results: array(
      struct({
        groupId: string(),
        errorCode: int16(),
        errorMessage: string({ versions: '3+', nullable: '3+', default: null, ignorable: true }),
      }),
    ),
  },
})
