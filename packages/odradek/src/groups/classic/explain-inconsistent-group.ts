/** Says what to do about a group whose members use another assignor than we offer. */
import { BrokerError, describeGroups, type KafkaError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import type { Assignor } from '../assignors/assignor.ts'

export interface InconsistentGroup {
  readonly groupId: string
  readonly assignors: readonly Assignor[]
}

const PATIENCE_MS = 5000

export async function explainInconsistentGroup(
  cluster: Cluster,
  { groupId, assignors }: InconsistentGroup,
  error: KafkaError,
): Promise<KafkaError> {
  const ours = assignors.map(({ name }) => `"${name}"`).join(', ')
  const theirs = await describeProtocol(cluster, groupId)
  const action =
    `join group "${groupId}": this member offers the assignors ${ours}` +
    (theirs === '' ? '' : ` and the group uses ${theirs}`) +
    '; set partitionAssignors to one that all members know, or use another group id'
  const errorCode = error instanceof BrokerError ? error.errorCode : -1
  return new BrokerError(errorCode, { action, cause: error })
}

async function describeProtocol(cluster: Cluster, groupId: string): Promise<string> {
  const isOver = new AbortController()
  const asked = cluster
    .requestCoordinator(
      'group',
      groupId,
      describeGroups,
      { groups: [groupId] },
      { timeoutMs: PATIENCE_MS },
    )
    .then(
      ({ groups: [group] }) => {
        if (group === undefined || group.errorCode !== 0) return ''
        const { protocolData, protocolType } = group
        if (protocolType !== '' && protocolType !== 'consumer') {
          return `the protocol type "${protocolType}", which is not for consumers`
        }
        return protocolData === '' ? '' : `"${protocolData}"`
      },
      () => '',
    )
  const answer = await Promise.race([
    asked,
    cluster.sleep(PATIENCE_MS, isOver.signal).then(() => ''),
  ])
  isOver.abort()
  return answer
}
