/**
 * What nobody listens to and somebody should know: it becomes a warning of the process, as Node's
 * own are (`--no-warnings` or a `warning` listener silence it). Listening to the event takes its
 * place.
 */
import type { ClientEvents } from './client-events.ts'

export function warnUnheard<K extends keyof ClientEvents>(name: K, event: ClientEvents[K]): void {
  const text = textOf(name, event)
  if (text !== undefined) {
    // One line, as logs want it.
    const line = `${text.replace(/\s*\n\s*/g, ' ')} (event: ${name})`
    process.emitWarning(line, { type: 'OdradekWarning' })
  }
}

function textOf(name: keyof ClientEvents, event: unknown): string | undefined {
  switch (name) {
    case 'stalled': {
      const { message, error } = event as ClientEvents['stalled']
      return `${sentence(message)}${error === undefined ? '.' : `: ${error.message}`}`
    }
    case 'dataLoss': {
      const { topic, partition, from, to, count, reason } = event as ClientEvents['dataLoss']
      return (
        `${count} offsets of ${topic}-${partition} (${from} to ${to}) are gone that this ` +
        `consumer had not read: ${reason}.`
      )
    }
    case 'deliveryExhausted': {
      const { topic, partition, offset, groupId, limit } =
        event as ClientEvents['deliveryExhausted']
      return (
        `Share group "${groupId}" gives up the record at ${topic}-${partition} offset ${offset}: ` +
        `it came back from each of its ${limit} deliveries.`
      )
    }
    case 'runFailed': {
      const { error, wasAwaited } = event as ClientEvents['runFailed']
      // Whoever awaits the promise hears of it there.
      if (wasAwaited) return undefined
      return `consumer.run ended, and nothing is read any more: ${error.message}`
    }
    case 'deliveryFailed': {
      const { topic, recordCount, error } = event as ClientEvents['deliveryFailed']
      return `${recordCount} records that were written to ${topic} are not delivered: ${error.message}`
    }
    case 'listenerError': {
      const { event: where, error } = event as ClientEvents['listenerError']
      return `A listener or hook (${where}) threw: ${String(error)}`
    }
    case 'maxPollExceeded': {
      const { topic, partition, offset, heldMs, advice } = event as ClientEvents['maxPollExceeded']
      return `Offset ${offset} of ${topic}-${partition} has been in hand for ${heldMs} ms. ${advice}`
    }
    case 'eventLoopBlocked': {
      const { blockedMs, advice } = event as ClientEvents['eventLoopBlocked']
      return `The event loop was blocked for ${blockedMs} ms. ${advice}`
    }
    case 'rebalanceStorm': {
      const { groupId, generations, withinMs } = event as ClientEvents['rebalanceStorm']
      const seconds = Math.round(withinMs / 1000)
      return `Group "${groupId}" rebalances repeatedly: ${generations} generations in ${seconds} s.`
    }
    case 'unreadableSubscription':
    case 'unreadableAssignment': {
      const { groupId, memberId, error, advice } = event as ClientEvents['unreadableSubscription']
      const what = name === 'unreadableAssignment' ? 'assignment' : 'subscription'
      return (
        `The ${what} of member "${memberId}" of group "${groupId}" cannot be read: ` +
        `${error.message}. ${advice}`
      )
    }
    case 'closedOnSignal': {
      const { signal, error } = event as ClientEvents['closedOnSignal']
      if (error === undefined) return undefined
      return `After ${signal} not everything could be closed as it should: ${error.message}`
    }
    case 'pausedWithLag': {
      const { topic, partition, advice } = event as ClientEvents['pausedWithLag']
      return `${topic}-${partition} is paused. ${advice}`
    }
    case 'partitionProgress': {
      const { topic, partition, status, advice } = event as ClientEvents['partitionProgress']
      return status === 'stuck' ? `${topic}-${partition} does not move. ${advice}` : undefined
    }
    default:
      return undefined
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
