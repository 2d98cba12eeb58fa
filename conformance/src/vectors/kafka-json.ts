/**
 * Kafka's JSON form of a message, against a schema of ours: what an encoder would be given for it,
 * and whether a decoded message says the same.
 */
import assert from 'node:assert/strict'
import { type AnyField, type Fields, includesVersion } from '@odradek/protocol'
import { rangeOf } from '../schemas/ranges.ts'
import type { Json, JsonObject } from './vector-files.ts'

type Values = Readonly<Record<string, unknown>>

/** The input for an encoder that stands for this JSON. */
export function inputOf(fields: Fields, json: JsonObject): Values {
  const input: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(json)) {
    const field = fields[name]
    assert.ok(field !== undefined, `there is no field ${name}`)
    input[name] = inputValue(field, value)
  }
  return input
}

function inputValue(field: AnyField, json: Json): unknown {
  if (json === null) return null
  const { type } = field
  switch (type.kind) {
    case 'array':
      return (json as readonly Json[]).map((one) => inputValue(type.element, one))
    case 'struct':
      return inputOf(type.fields, json as JsonObject)
    case 'primitive':
      switch (type.primitive) {
        case 'int64':
          return BigInt(json as string)
        case 'safeInt64':
        case 'uint32':
          return Number(json)
        case 'timestamp':
          return saturated(json as string)
        case 'bytes':
        case 'records':
          return Buffer.from(json as string, 'base64')
        default:
          return json
      }
  }
}

export function saturated(digits: string): number {
  const exact = BigInt(digits)
  if (exact > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER
  if (exact < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER
  return Number(exact)
}

/** Fails unless the decoded message has all that the JSON has, and nothing unexpected. */
export function assertSame(fields: Fields, version: number, decoded: Values, json: JsonObject) {
  const expected = inputOf(fields, json)
  for (const name of Object.keys(expected)) {
    assertSameValue(fields[name] as AnyField, version, decoded[name], json[name] as Json, name)
  }
  for (const name of Object.keys(decoded)) {
    if (name !== 'unknownTaggedFields') assert.ok(name in fields, `${name} is no field`)
  }
  for (const [name, field] of Object.entries(fields)) {
    // A tagged field that has its default is not in Kafka's JSON; ours is always complete.
    const isPlain = field.options.tag === undefined
    if (isPlain && includesVersion(rangeOf(field.options.versions, 'every'), version)) {
      assert.ok(name in json, `Kafka has no ${name} in version ${version}`)
    }
    assert.notEqual(decoded[name], undefined, `${name} is undefined`)
  }
}

function assertSameValue(
  field: AnyField,
  version: number,
  decoded: unknown,
  json: Json,
  path: string,
): void {
  const { type } = field
  if (json === null || type.kind === 'primitive') {
    assert.deepEqual(decoded, inputValue(field, json), path)
    return
  }
  if (type.kind === 'struct') {
    assertSame(type.fields, version, decoded as Values, json as JsonObject)
    return
  }
  const elements = decoded as readonly unknown[]
  const expected = json as readonly Json[]
  assert.equal(elements.length, expected.length, path)
  for (const [index, one] of expected.entries()) {
    assertSameValue(type.element, version, elements[index], one, `${path}[${index}]`)
  }
}

/** Which of our 64-bit types hold a value in this JSON that no double holds. */
export function wideIntegers(fields: Fields, json: JsonObject): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (field: AnyField, value: Json): void => {
    if (value === null) return
    const { type } = field
    if (type.kind === 'array') for (const one of value as readonly Json[]) visit(type.element, one)
    else if (type.kind === 'struct') {
      for (const [name, one] of Object.entries(value as JsonObject)) {
        visit(type.fields[name] as AnyField, one)
      }
    } else if (['int64', 'safeInt64', 'timestamp'].includes(type.primitive)) {
      if (!Number.isSafeInteger(Number(value))) found.add(type.primitive)
    }
  }
  for (const [name, value] of Object.entries(json)) visit(fields[name] as AnyField, value)
  return found
}
