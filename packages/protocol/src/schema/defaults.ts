/**
 * What a field is when a message does not carry it: the declared default, else the type's own zero.
 */
import { type AnyField, type Fields, type Primitive, type TaggedField, ZERO_UUID } from './field.ts'

const NO_BYTES = Buffer.alloc(0)
const NO_ELEMENTS: readonly never[] = Object.freeze([])

const ZEROES: Readonly<Record<Primitive, unknown>> = {
  boolean: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  uint32: 0,
  int64: 0n,
  safeInt64: 0,
  timestamp: 0,
  float64: 0,
  string: '',
  uuid: ZERO_UUID,
  bytes: NO_BYTES,
  records: null,
}

export function defaultOf(field: AnyField): unknown {
  if ('default' in field.options) return field.options.default
  switch (field.type.kind) {
    case 'primitive':
      return ZEROES[field.type.primitive]
    case 'array':
      return NO_ELEMENTS
    case 'struct':
      return defaultStruct(field.type.fields)
  }
}

function defaultStruct(fields: Fields): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) value[name] = defaultOf(field)
  return Object.freeze(value)
}

export function isDefault(field: AnyField, value: unknown): boolean {
  const standard = defaultOf(field)
  if (value === undefined || value === standard) return true
  if (value === null || standard === null) return false
  switch (field.type.kind) {
    case 'primitive':
      return value instanceof Uint8Array && standard instanceof Uint8Array && value.length === 0
    case 'array':
      return (value as readonly unknown[]).length === 0
    case 'struct': {
      const members = value as Readonly<Record<string, unknown>>
      // As in Kafka, what this client does not understand in a struct is reason enough to send it.
      if (((members['unknownTaggedFields'] ?? []) as readonly TaggedField[]).length > 0)
        return false
      return Object.entries(field.type.fields).every(([name, member]) =>
        isDefault(member, members[name]),
      )
    }
  }
}
