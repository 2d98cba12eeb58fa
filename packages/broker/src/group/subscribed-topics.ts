/**
 * The one place where the broker reads subscriptions, as Kafka does: offsets of a topic that
 * members read may not be deleted. A blob that cannot be read counts as a subscription to
 * everything.
 */
import { decodeSubscription, ProtocolError } from '@odradek/protocol'
import type { State } from './classic-group.ts'

export function isSubscribed({ members, protocolName }: State, topic: string): boolean {
  for (const { protocols } of members.values()) {
    const chosen = protocols.find(({ name }) => name === protocolName) ?? protocols[0]
    if (chosen === undefined) continue
    try {
      if (decodeSubscription(chosen.metadata).topics.includes(topic)) return true
    } catch (error) {
      if (error instanceof ProtocolError) return true
      throw error
    }
  }
  return false
}
