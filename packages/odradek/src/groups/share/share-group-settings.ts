/**
 * What the cluster has set for a share group. Where a group begins is such a setting, and its
 * default is the end: who does not know reads nothing and wonders, so it is read and said at start.
 */
import { describeConfigs } from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import { throwIfError } from '../../errors/reaction.ts'
import type { ClientEvents } from '../../events/client-events.ts'

const GROUP_RESOURCE = 32

export interface ShareGroupSettings {
  readonly event: ClientEvents['shareGroupConfigured']
  readonly canRenew: boolean
  /** How long a silent member stays in the group, ms; null when it may not be read. */
  readonly sessionTimeoutMs: number | null
}

/** Reads the group's configuration; what may not be read is null. */
export async function readShareGroupSettings(
  cluster: Cluster,
  groupId: string,
): Promise<ShareGroupSettings> {
  const configs = await readConfigs(cluster, groupId).catch(() => new Map<string, string | null>())
  const text = (name: string): string | null => configs.get(name) ?? null
  const number = (name: string): number | null => {
    const value = text(name)
    return value === null ? null : Number(value)
  }
  const autoOffsetReset = text('share.auto.offset.reset')
  return {
    canRenew: text('share.renew.acknowledge.enable') !== 'false',
    sessionTimeoutMs: number('share.session.timeout.ms'),
    event: {
      groupId,
      autoOffsetReset,
      isolationLevel: text('share.isolation.level'),
      recordLockDurationMs: number('share.record.lock.duration.ms'),
      deliveryCountLimit: number('share.delivery.count.limit'),
      text: describe(groupId, autoOffsetReset),
    },
  }
}

async function readConfigs(
  cluster: Cluster,
  groupId: string,
): Promise<ReadonlyMap<string, string | null>> {
  const response = await cluster.retry(
    () =>
      cluster.requestAny(describeConfigs, {
        resources: [
          { resourceType: GROUP_RESOURCE, resourceName: groupId, configurationKeys: null },
        ],
      }),
    { action: `read the configuration of group "${groupId}"` },
  )
  const [result] = response.results
  throwIfError(result?.errorCode ?? 0, `read the configuration of group "${groupId}"`)
  return new Map(result?.configs.map(({ name, value }) => [name, value]))
}

function describe(groupId: string, autoOffsetReset: string | null): string {
  const how =
    'change it before the group first reads, as the configuration share.auto.offset.reset ' +
    `("earliest", "latest" or "by_duration:PT1H") of the group "${groupId}", for instance with ` +
    `kafka-configs.sh --group ${groupId} --alter --add-config share.auto.offset.reset=earliest.`
  switch (autoOffsetReset) {
    case null:
      return `Where the share group "${groupId}" begins could not be read (by default: latest); ${how}`
    case 'latest':
      return (
        `The share group "${groupId}" begins at the end: records from before its first read are ` +
        `not delivered; ${how}`
      )
    default:
      return `The share group "${groupId}" begins at "${autoOffsetReset}"; ${how}`
  }
}
