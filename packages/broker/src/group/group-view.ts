/** A classic group as outsiders see it: in events, in DescribeGroups, in tests. */
import type { GroupView } from '../cluster/cluster-events.ts'
import type { State } from './classic-group.ts'

export function viewOf(groupId: string, state: State): GroupView {
  return {
    groupId,
    type: 'classic',
    state: state.phase.name,
    generationId: state.generationId,
    assignmentEpoch: -1,
    protocolType: state.protocolType,
    protocolName: state.protocolName,
    leaderId: state.leaderId,
    members: [...state.members.values()].map(({ parked: _parked, isNew: _isNew, ...member }) => ({
      ...member,
      modern: null,
    })),
  }
}

/** Whether the two differ in anything that a view shows of phase, generation and members. */
export function isVisibleChange(before: State, after: State): boolean {
  if (
    before.phase.name !== after.phase.name ||
    before.generationId !== after.generationId ||
    before.leaderId !== after.leaderId ||
    before.members.size !== after.members.size
  ) {
    return true
  }
  for (const [memberId, member] of after.members) {
    const old = before.members.get(memberId)
    if (old === undefined || old.assignment !== member.assignment) return true
    if (old.protocols !== member.protocols) return true
  }
  return false
}
