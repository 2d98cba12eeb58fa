import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis, ProtocolError } from '@odradek/protocol'
import { assertSame, inputOf, wideIntegers } from './kafka-json.ts'
import { MESSAGES } from './known-messages.ts'
import { type MessageVector, readVectors } from './vector-files.ts'

const byMessage = new Map<string, MessageVector[]>()
for (const vector of readVectors('messages')) {
  const list = byMessage.get(vector.message)
  if (list === undefined) byMessage.set(vector.message, [vector])
  else list.push(vector)
}

for (const [name, message] of MESSAGES) {
  test(`${name}: decoded as Kafka means it, encoded as Kafka encodes it`, () => {
    for (const vector of byMessage.get(name) ?? []) {
      const { version, kind, json } = vector
      const what = `${name} v${version} ${kind}`
      const body = Buffer.from(vector.body, 'base64')
      const codec = message.at(version)
      const wide = wideIntegers(message.fields, json)
      if (wide.has('safeInt64')) {
        assert.throws(() => codec.decode(body), ProtocolError, what)
        continue
      }
      try {
        const decoded = codec.decode(body)
        assertSame(message.fields, version, decoded, json)
        if (wide.has('timestamp')) continue
        assert.equal(hex(codec.encode(decoded)), hex(body), 'encoded again')
        if (kind.endsWith('+tags')) continue
        assert.equal(hex(codec.encode(inputOf(message.fields, json))), hex(body), 'encoded anew')
      } catch (error) {
        throw new Error(`${what}: ${String(error)}`, { cause: error })
      }
    }
  })
}

test('every version of every API of ours has vectors in both directions', () => {
  const found = new Set(
    [...byMessage.values()].flat().map(({ message, version }) => `${message} ${version}`),
  )
  for (const api of Object.values(apis)) {
    for (let version = api.versions.min; version <= api.versions.max; version++) {
      assert.ok(found.has(`${api.request.name} ${version}`), `${api.request.name} v${version}`)
      assert.ok(found.has(`${api.response.name} ${version}`), `${api.response.name} v${version}`)
    }
  }
})

function hex(bytes: Buffer): string {
  return bytes.toString('hex')
}
