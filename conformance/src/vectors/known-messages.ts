/** Our messages, by Kafka's names for them. */
import {
  apis,
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  type Fields,
  type Message,
} from '@odradek/protocol'

export type AnyMessage = Message<Fields>

// A message is invariant in its fields; here all are alike: names, versions and codecs of unknowns.
export const MESSAGES: ReadonlyMap<string, AnyMessage> = new Map(
  [
    ...Object.values(apis).flatMap((api) => [api.request, api.response]),
    consumerProtocolAssignment,
    consumerProtocolSubscription,
  ].map((message): [string, AnyMessage] => [message.name, message as unknown as AnyMessage]),
)
