/**
 * What a network may do to bytes, and the law for everything that decodes: any bytes give a value
 * or a `ProtocolError`, never another throw.
 */
import assert from 'node:assert/strict'
import { ProtocolError } from '../errors/protocol-error.ts'

/**
 * Runs a decoder; whether it gave a value. Anything but a value or a ProtocolError is a failure.
 */
export function isAccepted(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String((error as Error)?.stack ?? error))
    return false
  }
}

/** Every proper prefix. */
export function* truncations(bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let length = 0; length < bytes.length; length++) yield bytes.subarray(0, length)
}

/** The values at which lengths, counts and varints turn. */
const TURNS = [0x00, 0x7f, 0x80, 0xff]

/** The bytes with one of them replaced, at every place. What is given is valid until the next. */
export function* mutations(
  bytes: Buffer,
  values: readonly number[] = TURNS,
): Generator<Buffer, void, undefined> {
  const copy = Buffer.from(bytes)
  for (let at = 0; at < copy.length; at++) {
    for (const value of values) {
      copy[at] = value
      yield copy
    }
    copy[at] = bytes[at]!
  }
}
