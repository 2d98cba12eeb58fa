/** Writes down what a client says of itself. */
import type { Consumer, Kafka } from 'odradek'
import type { History } from './history.ts'
import { describe } from './observe-cluster.ts'

export function observeClient(kafka: Kafka, actor: string, history: History): void {
  const say = (what: string): void => history.add({ type: 'remark', actor, what })
  kafka.on('connectionFailed', ({ broker, purpose, error }) => {
    say(`no ${purpose} connection to ${broker}: ${describe(error)}`)
  })
  kafka.on('disconnected', ({ broker, purpose, error }) => {
    if (error !== undefined) say(`lost its ${purpose} connection to ${broker}: ${describe(error)}`)
  })
  kafka.on('rebootstrapped', ({ reason }) =>
    say(`began again from its bootstrap servers: ${reason}`),
  )
  kafka.on('throttled', ({ broker, api, throttleTimeMs }) => {
    say(`is throttled by ${broker} for ${throttleTimeMs} ms (${api})`)
  })
  kafka.on('stalled', ({ message, error }) => {
    say(`stalled: ${message}${error === undefined ? '' : `: ${describe(error)}`}`)
  })
  kafka.on('fenced', ({ memberId, reason }) => say(`fenced (${memberId}): ${reason}`))
  kafka.on('rebalanced', ({ generationId, assigned, revoked, lost }) => {
    const counts = `+${assigned.length} -${revoked.length} lost ${lost.length}`
    say(`is in generation ${generationId}: ${counts}`)
  })
  kafka.on('listenerError', ({ event, error }) => {
    history.add({ type: 'escaped', actor, error: `listener of ${event}: ${describe(error)}` })
  })
}

/** Writes down where a member's consumer reads on from elsewhere, and what it says is lost. */
export function observePositions(
  consumer: Consumer,
  who: { readonly actor: string; readonly groupId: string },
  history: History,
): void {
  consumer.on('positionReset', ({ topic, partition, offset, reason }) => {
    history.add({ type: 'positionReset', ...who, topic, partition, offset, reason })
  })
  consumer.on('dataLoss', ({ topic, partition, from, to, reason }) => {
    history.add({ type: 'dataLoss', ...who, topic, partition, from, to, reason })
  })
}
