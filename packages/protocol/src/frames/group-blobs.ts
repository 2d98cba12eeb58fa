/**
 * The blobs that members of a classic group exchange through the coordinator, each with its version
 * before it. A newer version than ours is read as our newest: fields are only ever appended. As
 * Kafka does, version 0's fields are read whatever else is there: clients write higher versions and
 * leave the later fields out (`@platformatic/kafka` does), and those have their defaults then.
 */
import { consumerProtocolAssignment } from '../messages/consumer-protocol-assignment.ts'
import { consumerProtocolSubscription } from '../messages/consumer-protocol-subscription.ts'
import type { Decoded, Fields, Input } from '../schema/field.ts'
import type { Message } from '../schema/message.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'

export type Subscription = Decoded<(typeof consumerProtocolSubscription)['fields']>
export type SubscriptionInput = Input<(typeof consumerProtocolSubscription)['fields']>
export type Assignment = Decoded<(typeof consumerProtocolAssignment)['fields']>
export type AssignmentInput = Input<(typeof consumerProtocolAssignment)['fields']>

/** Which fields must be there: those of version 0, or all of the version that the bytes state. */
export type RequiredFields = 'version 0' | 'all'

export function encodeSubscription(value: SubscriptionInput): Buffer {
  return encodeBlob(consumerProtocolSubscription, value)
}

export function decodeSubscription(
  bytes: Buffer,
  required: RequiredFields = 'version 0',
): Subscription {
  return decodeBlob(consumerProtocolSubscription, bytes, required)
}

export function encodeAssignment(value: AssignmentInput): Buffer {
  return encodeBlob(consumerProtocolAssignment, value)
}

export function decodeAssignment(
  bytes: Buffer,
  required: RequiredFields = 'version 0',
): Assignment {
  return decodeBlob(consumerProtocolAssignment, bytes, required)
}

function encodeBlob<F extends Fields>(message: Message<F>, value: Input<F>): Buffer {
  const version = message.versions.max
  const writer = new Writer()
  writer.int16(version)
  message.at(version).write(writer, value)
  return writer.toBuffer()
}

function decodeBlob<F extends Fields>(
  message: Message<F>,
  bytes: Buffer,
  required: RequiredFields,
): Decoded<F> {
  const reader = new Reader(bytes)
  const version = reader.int16()
  if (version < 0) reader.fail(`${message.name} has version ${version}`)
  for (let tried = Math.min(version, message.versions.max); ; tried--) {
    const from = new Reader(bytes)
    from.int16()
    try {
      return message.at(tried).read(from)
    } catch (error) {
      if (tried === 0 || required === 'all' || !(error instanceof ProtocolError)) throw error
    }
  }
}
