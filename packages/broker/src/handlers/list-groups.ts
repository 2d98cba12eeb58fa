/** The groups that this broker coordinates; all of them are classic. */
import { ErrorCode, listGroups } from '@odradek/protocol'
import { handler } from './handler.ts'

export const listGroupsHandler = handler({
  api: listGroups,
  handle(body, { node }) {
    const states = new Set(body.statesFilter.map((one) => one.toLowerCase()))
    const types = new Set(body.typesFilter.map((one) => one.toLowerCase()))
    const groups = [...node.groups.groups]
      .map(([groupId, { state }]) => ({
        groupId,
        protocolType: state.protocolType ?? '',
        groupState: state.phase.name,
        groupType: 'classic',
      }))
      .filter(
        ({ groupState, groupType }) =>
          (states.size === 0 || states.has(groupState.toLowerCase())) &&
          (types.size === 0 || types.has(groupType)),
      )
    return { errorCode: ErrorCode.NONE, groups }
  },
  errorResponse: (_body, errorCode) => ({ errorCode, groups: [] }),
})
