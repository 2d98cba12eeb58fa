/**
 * Random values of any message, from its schema, for property tests and fuzzers. Lives beside the
 * schema so that a new wire type gets its samples in the same change; not part of the public API.
 */
import fc from 'fast-check'
import type { AnyField, Fields, Primitive } from './field.ts'
import { includesVersion, versionRange } from './versions.ts'

export function arbitraryOf(
  fields: Fields,
  version: number,
  isFlexible: boolean,
): fc.Arbitrary<Record<string, unknown>> {
  const members: Record<string, fc.Arbitrary<unknown>> = {}
  for (const [name, field] of Object.entries(fields)) {
    if (!includesVersion(versionRange(field.options.versions, 'every'), version)) continue
    if (field.options.tag !== undefined && !isFlexible) continue
    members[name] = arbitraryField(field, version, isFlexible)
  }
  return fc.record(members) as fc.Arbitrary<Record<string, unknown>>
}

function arbitraryField(
  field: AnyField,
  version: number,
  isFlexible: boolean,
): fc.Arbitrary<unknown> {
  const value = arbitraryValue(field, version, isFlexible)
  const isNullable = includesVersion(versionRange(field.options.nullable, 'never'), version)
  return isNullable ? fc.option(value, { nil: null, freq: 4 }) : value
}

function arbitraryValue(
  field: AnyField,
  version: number,
  isFlexible: boolean,
): fc.Arbitrary<unknown> {
  switch (field.type.kind) {
    case 'primitive':
      return PRIMITIVES[field.type.primitive]
    case 'array':
      return fc.array(arbitraryField(field.type.element, version, isFlexible), { maxLength: 3 })
    case 'struct':
      return arbitraryOf(field.type.fields, version, isFlexible)
  }
}

const integer = (bits: number): fc.Arbitrary<number> =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
const unsigned = (bits: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 2 ** bits - 1 })
const someBytes = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))

const PRIMITIVES: Readonly<Record<Primitive, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  int8: integer(8),
  int16: integer(16),
  uint16: unsigned(16),
  int32: integer(32),
  uint32: unsigned(32),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  safeInt64: fc.maxSafeInteger(),
  timestamp: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  string: fc.string({ maxLength: 8, unit: 'grapheme' }),
  uuid: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => Buffer.from(bytes).toString('base64url')),
  bytes: someBytes,
  records: someBytes,
}
