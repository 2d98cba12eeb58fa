/** Refuses options of one group protocol beside the other, and those of groups without one. */
import { UsageError } from '../../errors/errors.ts'

/** Under KIP-848 these are the broker's: the group config that has it, where there is one. */
const OF_BROKER = {
  sessionTimeoutMs: 'the group config "consumer.session.timeout.ms"',
  heartbeatIntervalMs: 'the group config "consumer.heartbeat.interval.ms"',
  partitionAssignors: 'the option "groupRemoteAssignor"',
} as const

export type ProtocolOptions = { readonly [Name in keyof typeof OF_BROKER]?: unknown } & {
  readonly groupRemoteAssignor?: unknown
}

export function checkGroupProtocol(
  given: ProtocolOptions,
  protocol: 'classic' | 'consumer' | 'auto',
  where: string,
): void {
  if (protocol === 'consumer') {
    for (const [name, instead] of Object.entries(OF_BROKER)) {
      if (given[name as keyof typeof OF_BROKER] === undefined) continue
      throw new UsageError(
        `"${name}" of ${where} goes with groupProtocol "classic"; under "consumer" the broker ` +
          `decides. Leave it out, and set ${instead} if need be.`,
      )
    }
  }
  if (protocol !== 'classic') return
  if (given.groupRemoteAssignor !== undefined) {
    throw new UsageError(
      `"groupRemoteAssignor" of ${where} needs groupProtocol "consumer"; members of a classic ` +
        'group share partitions out themselves ("partitionAssignors").',
    )
  }
}

/** What has a meaning only for a group that shares partitions out, */
const OF_MEMBERS = [
  'groupProtocol',
  'groupRemoteAssignor',
  'groupInstanceId',
  'partitionAssignors',
  'sessionTimeoutMs',
  'heartbeatIntervalMs',
] as const
/** and what has one only where there is a group to commit for. */
const OF_COMMITS = ['enableAutoCommit', 'autoCommitIntervalMs'] as const

type GroupOptions = {
  readonly [Name in (typeof OF_MEMBERS)[number] | (typeof OF_COMMITS)[number]]?: unknown
} & { readonly groupId?: unknown; readonly partitions?: unknown }

/** An option that would do nothing is a misunderstanding. */
export function refuseWithoutGroup(given: GroupOptions, where: string): void {
  if (given.partitions === undefined) return
  for (const name of OF_MEMBERS) {
    if (given[name] === undefined) continue
    throw new UsageError(
      `"${name}" of ${where} is for members of a group, and with "partitions" there is nothing ` +
        'to be a member of: nobody shares them out. Leave it out, or name "topics".',
    )
  }
  if (given.groupId !== undefined) return
  for (const name of OF_COMMITS) {
    if (given[name] === undefined || given[name] === false) continue
    throw new UsageError(
      `"${name}" of ${where} needs the option "groupId": without one nothing is committed.`,
    )
  }
}
