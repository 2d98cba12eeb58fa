/** Refuses options of one group protocol beside the other. */
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
