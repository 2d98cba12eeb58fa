/**
 * How a group finds its protocol: each member votes for the first of its list that all members
 * support; the most votes win, and in a tie the one that got its vote first.
 */
import type { Member } from './classic-group.ts'

/** The protocols that every member supports. */
export function protocolsOfAll(members: Iterable<Member>): ReadonlySet<string> {
  let common: Set<string> | undefined
  for (const { protocols } of members) {
    const names = new Set(protocols.map((protocol) => protocol.name))
    if (common === undefined) common = names
    else for (const name of common) if (!names.has(name)) common.delete(name)
  }
  return common ?? new Set()
}

export function selectProtocol(members: readonly Member[]): string | null {
  const candidates = protocolsOfAll(members)
  const votes = new Map<string, number>()
  for (const { protocols } of members) {
    const vote = protocols.find((protocol) => candidates.has(protocol.name))
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
  }
  let winner: string | null = null
  let most = 0
  for (const [name, count] of votes) {
    if (count <= most) continue
    winner = name
    most = count
  }
  return winner
}
