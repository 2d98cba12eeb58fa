/** The groups that this broker coordinates, with their types and states. */
import { ErrorCode, listGroups } from '@odradek/protocol'
import { handler } from './handler.ts'

export const listGroupsHandler = handler({
  api: listGroups,
  handle(body, { node }) {
    const states = new Set(body.statesFilter.map((one) => one.toLowerCase()))
    const types = new Set(body.typesFilter.map((one) => one.toLowerCase()))
    const groups = [...node.groups.groups]
      .map(([groupId, group]) => ({ groupId, view: group.view() }))
      .map(({ groupId, view }) => ({
        groupId,
        protocolType: view.protocolType ?? '',
        groupState: view.state,
        groupType: view.type,
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
