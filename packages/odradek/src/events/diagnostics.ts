/**
 * Each event as a `node:diagnostics_channel` of its own (`odradek:dataLoss`, ...), for those who
 * watch a process without having its clients in their hands. Nothing is made or published where
 * nobody has subscribed.
 */
import { channel } from 'node:diagnostics_channel'
import type { ClientEvents } from './client-events.ts'
import { EVENT_NAMES } from './event-names.ts'

/** What a subscriber of a channel `odradek:<event>` gets. */
export interface DiagnosticMessage<K extends keyof ClientEvents = keyof ClientEvents> {
  /** Of the client that it happened to. */
  readonly clientId: string
  /** The event, as its listeners get it. */
  readonly event: ClientEvents[K]
}

// Kept here: a channel that nobody holds may be collected with its subscribers.
const channels = new Map(EVENT_NAMES.map((name) => [name, channel(`odradek:${name}`)]))

export function publish<K extends keyof ClientEvents>(
  clientId: string,
  name: K,
  event: ClientEvents[K],
): void {
  const events = channels.get(name)
  if (events?.hasSubscribers !== true) return
  const message: DiagnosticMessage<K> = { clientId, event }
  events.publish(message)
}
