/**
 * Builds, once per message version, the closures that read and write it. Nothing is generated and
 * nothing is interpreted per field at run time: a struct's codec is two arrays of closures, walked
 * in order. Which fields a version has, which are nullable or tagged and which lengths are compact
 * is decided here and never asked again.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import type { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { defaultOf, isDefault } from './defaults.ts'
import type { AnyField, Fields, TaggedField } from './field.ts'
import { type LengthStyle, lengthStyle, type PrimitiveCodec, primitiveCodec } from './primitives.ts'
import { includesVersion, versionRange } from './versions.ts'

export interface ValueCodec {
  readonly read: (reader: Reader) => unknown
  readonly write: (writer: Writer, value: unknown) => void
  /** The fewest bytes that a value takes: what a count is checked against. */
  readonly minBytes: number
}

type Values = Record<string, unknown>

/** The limits of Kafka's own readers, since 4.4. */
const MAX_TAGGED_FIELDS = 10_000
const MAX_ELEMENTS = 1_000_000

export function structCodec(fields: Fields, version: number, flexible: boolean): ValueCodec {
  const members: Member[] = []
  const tagged = new Map<number, Member>()
  for (const [name, field] of Object.entries(fields)) {
    const isPresent = includesVersion(versionRange(field.options.versions, 'every'), version)
    const member = memberCodec(name, field, version, flexible, isPresent)
    members.push(member)
    if (member.tag !== undefined) tagged.set(member.tag, member)
  }
  const plain = members.filter((member) => member.place === 'body')
  let minBytes = flexible ? 1 : 0
  for (const member of plain) minBytes += member.codec.minBytes
  const tags = [...tagged.values()].sort((a, b) => (a.tag ?? 0) - (b.tag ?? 0))

  const read = (reader: Reader): Values => {
    const value: Values = {}
    let current: Member | undefined
    try {
      for (const member of members) {
        current = member
        value[member.name] =
          member.place === 'body' ? member.codec.read(reader) : member.defaultValue
      }
      current = undefined
      if (flexible) readTaggedFields(reader, value, tagged)
      return value
    } catch (error) {
      if (error instanceof ProtocolError && current !== undefined) throw error.within(current.name)
      throw error
    }
  }

  const write = (writer: Writer, value: unknown): void => {
    const values = value as Values
    let current: Member | undefined
    try {
      for (const member of members) {
        current = member
        const given = values[member.name]
        if (member.place === 'body') {
          member.codec.write(writer, given === undefined ? member.defaultValue : given)
        } else if (member.place === 'absent') {
          refuseUnlessDefault(member, given, version)
        }
      }
      current = undefined
      if (flexible) writeTaggedFields(writer, values, tags)
    } catch (error) {
      if (error instanceof ProtocolError && current !== undefined) throw error.within(current.name)
      throw error
    }
  }

  return { read, write, minBytes }
}

interface Member {
  readonly name: string
  readonly field: AnyField
  readonly place: 'body' | 'tagged' | 'absent'
  readonly tag: number | undefined
  readonly codec: ValueCodec
  readonly defaultValue: unknown
}

const ABSENT: ValueCodec = {
  read: () => undefined,
  write: () => undefined,
  minBytes: 0,
}

function memberCodec(
  name: string,
  field: AnyField,
  version: number,
  flexible: boolean,
  isPresent: boolean,
): Member {
  const isTagged = isPresent && field.options.tag !== undefined && flexible
  const place = isTagged
    ? 'tagged'
    : isPresent && field.options.tag === undefined
      ? 'body'
      : 'absent'
  return {
    name,
    field,
    place,
    tag: isTagged ? field.options.tag : undefined,
    codec: place === 'absent' ? ABSENT : valueCodec(field, version, flexible),
    defaultValue: defaultOf(field),
  }
}

function valueCodec(field: AnyField, version: number, flexible: boolean): ValueCodec {
  const isNullable = includesVersion(versionRange(field.options.nullable, 'never'), version)
  switch (field.type.kind) {
    case 'primitive':
      return asValueCodec(primitiveCodec(field.type.primitive, flexible, isNullable))
    case 'array':
      return arrayCodec(
        valueCodec(field.type.element, version, flexible),
        lengthStyle(flexible, 'int32'),
        isNullable,
      )
    case 'struct': {
      const codec = structCodec(field.type.fields, version, flexible)
      return isNullable ? nullableStruct(codec) : codec
    }
  }
}

function asValueCodec(codec: PrimitiveCodec): ValueCodec {
  return codec
}

function arrayCodec(element: ValueCodec, length: LengthStyle, isNullable: boolean): ValueCodec {
  const elementBytes = Math.max(1, element.minBytes)
  return {
    minBytes: length.minBytes,
    read: (reader) => {
      const count = length.read(reader)
      if (count < 0) {
        if (!isNullable) reader.fail('An array that may not be null is null')
        return null
      }
      if (count > MAX_ELEMENTS || count * elementBytes > reader.remaining) {
        reader.fail(`An array claims ${count} elements, more than it can have`)
      }
      const values: unknown[] = []
      for (let index = 0; index < count; index++) {
        try {
          values.push(element.read(reader))
        } catch (error) {
          if (error instanceof ProtocolError) throw error.within(`[${index}]`)
          throw error
        }
      }
      return values
    },
    write: (writer, value) => {
      if (value === null) {
        if (!isNullable) throw new ProtocolError('null is not allowed here in this version')
        length.write(writer, -1)
        return
      }
      const values = value as readonly unknown[]
      length.write(writer, values.length)
      for (const one of values) element.write(writer, one)
    },
  }
}

function nullableStruct(codec: ValueCodec): ValueCodec {
  return {
    minBytes: 1,
    read: (reader) => (reader.int8() < 0 ? null : codec.read(reader)),
    write: (writer, value) => {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) codec.write(writer, value)
    },
  }
}

function readTaggedFields(
  reader: Reader,
  value: Values,
  tagged: ReadonlyMap<number, Member>,
): void {
  const count = reader.unsignedVarint()
  if (count === 0) return
  if (count > MAX_TAGGED_FIELDS || count * 2 > reader.remaining) {
    reader.fail(`A message claims ${count} tagged fields`)
  }
  let unknown: TaggedField[] | undefined
  let last = -1
  for (let index = 0; index < count; index++) {
    const tag = reader.unsignedVarint()
    if (tag <= last) reader.fail('Tagged fields are not in ascending order')
    last = tag
    const size = reader.unsignedVarint()
    if (size > reader.remaining) reader.fail(`Tagged field ${tag} claims ${size} bytes`)
    const end = reader.offset + size
    const member = tagged.get(tag)
    if (member === undefined) {
      unknown ??= []
      unknown.push({ tag, data: reader.bytes(size) })
      continue
    }
    try {
      value[member.name] = member.codec.read(reader)
    } catch (error) {
      if (error instanceof ProtocolError) throw error.within(member.name)
      throw error
    }
    if (reader.offset !== end) reader.fail(`Tagged field ${member.name} is not ${size} bytes long`)
  }
  if (unknown !== undefined) value['unknownTaggedFields'] = unknown
}

function writeTaggedFields(writer: Writer, value: Values, tags: readonly Member[]): void {
  if (tags.length === 0 && value['unknownTaggedFields'] === undefined) {
    writer.int8(0)
    return
  }
  const present = tags.filter(
    (member) => value[member.name] !== undefined && !isDefault(member.field, value[member.name]),
  )
  const unknown = (value['unknownTaggedFields'] ?? []) as readonly TaggedField[]
  writer.unsignedVarint(present.length + unknown.length)
  const writeKnown = (member: Member): void => {
    const scratch = new Writer(64)
    member.codec.write(scratch, value[member.name])
    writer.unsignedVarint(member.tag ?? 0)
    writer.unsignedVarint(scratch.byteLength)
    for (const chunk of scratch.chunks()) writer.bytes(chunk)
  }
  // Known and unknown tags leave in one ascending order, as the protocol demands.
  const rest = [...present]
  for (const { tag, data } of unknown) {
    while (rest[0] !== undefined && (rest[0].tag ?? 0) < tag) writeKnown(rest.shift() as Member)
    writer.unsignedVarint(tag)
    writer.unsignedVarint(data.length)
    writer.bytes(data)
  }
  for (const member of rest) writeKnown(member)
}

function refuseUnlessDefault(member: Member, value: unknown, version: number): void {
  if (value === undefined || member.field.options.ignorable === true) return
  if (isDefault(member.field, value)) return
  throw new ProtocolError(`Version ${version} of this message has no such field`, {
    code: 'UNSUPPORTED_VERSION',
  })
}
