/** Histories for people: who did what at which time, one line each. */
import type { HistoryEvent } from './event.ts'
import type { TopicPartition } from './topic-partition.ts'
import { partitionName } from './history.ts'
import { describeShare, isOfShares } from './share-event.ts'

const TIME_WIDTH = 9
const WHO_WIDTH = 14

export function formatEvent(event: HistoryEvent): string {
  const time = (event.at / 1000).toFixed(3).padStart(TIME_WIDTH)
  return `${time}  ${whoOf(event).padEnd(WHO_WIDTH)} ${whatOf(event)}`
}

function whoOf(event: HistoryEvent): string {
  if ('actor' in event) return event.actor
  if ('nodeId' in event) return `broker-${event.nodeId}`
  return event.type === 'fault' ? 'FAULT' : 'cluster'
}

function list(partitions: readonly TopicPartition[]): string {
  return partitions.length === 0 ? 'nothing' : partitions.map(partitionName).join(' ')
}

function range(ids: readonly string[]): string {
  const [first] = ids
  if (first === undefined) return 'nothing'
  return ids.length === 1 ? first : `${first} .. ${ids.at(-1)} (${ids.length})`
}

function whatOf(event: HistoryEvent): string {
  if (isOfShares(event)) return describeShare(event)
  switch (event.type) {
    case 'topic':
      return `topic ${event.topic} has ${event.partitions} partitions`
    case 'sending':
      return `sends ${range(event.ids)}`
    case 'acknowledged':
      return `acknowledged ${event.id}: ${partitionName(event)} @${event.offset ?? '?'}`
    case 'sendFailed':
      return `failed ${event.id} (${event.outcome}): ${event.reason}`
    case 'appended': {
      const producer = `producer ${event.producerId}/${event.producerEpoch} #${event.baseSequence}`
      return `appends ${partitionName(event)} @${event.baseOffset} ${range(event.ids)}, ${producer}`
    }
    case 'recordsGone':
      return `${partitionName(event)} @${event.from} to @${event.to} are gone (${event.cause})`
    case 'delivered':
      return `delivered ${partitionName(event)} @${event.offset} ${event.id}`
    case 'processed':
      return `processed ${partitionName(event)} @${event.offset}`
    case 'commitRequested':
      return `asks for a commit of ${partitionName(event)} @${event.offset}`
    case 'rewound':
      return `leaves ${partitionName(event)} at @${event.offset}`
    case 'assigned':
    case 'revoked':
    case 'lost':
      return `${event.type} ${list(event.partitions)}`
    case 'positionReset':
      return `reads ${partitionName(event)} on at @${event.offset}: ${event.reason}`
    case 'dataLoss':
      return `lost ${partitionName(event)} @${event.from} to @${event.to}: ${event.reason}`
    case 'committed': {
      const former = event.formerTopicId === undefined ? '' : ', of a topic that is gone'
      const by = `${event.clientId}, generation ${event.generationId}${former}`
      return `commits ${partitionName(event)} @${event.offset} for ${event.groupId} (${by})`
    }
    case 'group': {
      const members = event.members.map(
        ({ clientId, partitions }) =>
          `${clientId}:${partitions.map((one) => one.partition).join()}`,
      )
      return `group ${event.groupId} ${event.state} ${event.generationId} (${event.cause}) ${members.join(' ')}`
    }
    case 'leader': {
      const { leaderId, leaderEpoch, end } = event
      return `broker ${leaderId} leads ${partitionName(event)} (epoch ${leaderEpoch}, end ${end})`
    }
    case 'cluster':
    case 'remark':
      return event.what
    case 'fault':
      return `${event.what}${event.until > event.at ? `, for ${event.until - event.at} ms` : ''}`
    case 'memberStarted':
      return `starts in group ${event.groupId}`
    case 'memberClosing':
      return `closes${event.remains === true ? ' and remains' : ''}`
    case 'memberKilled':
      return 'is killed'
    case 'memberFenced':
      return 'ends: another has its group instance id'
    case 'readingStopped':
      return `stops reading, and has left within ${event.leavesWithinMs} ms`
    case 'readingResumed':
      return 'reads again'
    case 'closed':
      return `closed in ${event.tookMs} ms${event.error === undefined ? '' : `: ${event.error}`}`
    case 'leftovers':
      return `holds ${event.timers} timers, ${event.connections} connections, ${event.threads} threads`
    case 'escaped':
      return `ESCAPED: ${event.error}`
    case 'writesStopped':
      return 'nothing is written any more'
    case 'copied':
      return `${event.id} is copied to ${partitionName(event)} @${event.offset}`
    case 'lag':
      return `${partitionName(event)}: committed ${event.committed}, end ${event.end}`
  }
}
