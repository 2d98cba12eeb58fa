/**
 * How long the broker keeps a silent member in a group. Under KIP-848 no answer of the protocol
 * tells; the group's configuration does, to whoever may describe it.
 */
import { describeConfigs } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'

/** Kafka's own default of group.consumer.session.timeout.ms. */
export const DEFAULT_SESSION_TIMEOUT_MS = 45_000

const GROUP_RESOURCE = 32
const CONFIG = 'consumer.session.timeout.ms'

/** Undefined when nobody tells: an older broker, or one that does not let us ask. */
export async function describeSessionTimeout(
  cluster: Cluster,
  groupId: string,
): Promise<number | undefined> {
  const { results } = await cluster.requestAny(describeConfigs, {
    resources: [
      { resourceType: GROUP_RESOURCE, resourceName: groupId, configurationKeys: [CONFIG] },
    ],
  })
  const found = results[0]?.configs.find(({ name }) => name === CONFIG)
  const timeoutMs = Number(found?.value ?? Number.NaN)
  return Number.isSafeInteger(timeoutMs) && timeoutMs > 0 ? timeoutMs : undefined
}
