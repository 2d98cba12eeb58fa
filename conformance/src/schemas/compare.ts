/**
 * Compares a schema of ours with Kafka's definition, field by field and version by version. A
 * difference is one line of text: the path of the field, what differs, and what each side says.
 */
import {
  type AnyField,
  type Fields,
  includesVersion,
  type VersionRange,
  ZERO_UUID,
} from '@odradek/protocol'
import type { AnyMessage } from '../vectors/known-messages.ts'
import { type KafkaDefinition, type KafkaField, nameOf, structFields } from './definitions.ts'
import { rangeOf } from './ranges.ts'

type Versions = readonly number[]

export function compareMessage(message: AnyMessage, definition: KafkaDefinition): string[] {
  const found: string[] = []
  const versions = versionsIn(message.versions)
  const flexible = versions.filter((version) => includesVersion(message.flexible, version))
  const kafkaFlexible = inRange(versions, definition.flexibleVersions, 'never')
  if (!same(flexible, kafkaFlexible)) {
    found.push(difference(message.name, 'flexible versions', kafkaFlexible, flexible))
  }
  // An API's newest version may be unstable, so its range is compared with what brokers announce.
  const valid = rangeOf(definition.validVersions, 'never')
  if (definition.apiKey === undefined && !same(valid, message.versions)) {
    found.push(difference(message.name, 'versions', valid, message.versions))
  }
  const comparison = new Comparison(definition, flexible, found)
  comparison.fields(message.name, message.fields, definition.fields, versions)
  return found
}

class Comparison {
  readonly #definition: KafkaDefinition
  readonly #flexible: Versions
  readonly #found: string[]

  constructor(definition: KafkaDefinition, flexible: Versions, found: string[]) {
    this.#definition = definition
    this.#flexible = flexible
    this.#found = found
  }

  /** `versions` are those in which the struct around these fields exists. */
  fields(path: string, ours: Fields, kafkas: readonly KafkaField[], versions: Versions): void {
    const expected = kafkas.filter(
      ({ versions: own }) => inRange(versions, own, 'every').length > 0,
    )
    const names = expected.map(nameOf)
    for (const name of Object.keys(ours)) {
      if (!names.includes(name)) this.#note(`${path}.${name}`, 'name', 'no such field', 'a field')
    }
    const common = names.filter((name) => name in ours)
    const order = Object.keys(ours).filter((name) => common.includes(name))
    if (!same(order, common)) this.#note(path, 'order', common, order)
    for (const kafka of expected) {
      const name = nameOf(kafka)
      const field = ours[name]
      if (field === undefined) this.#note(`${path}.${name}`, 'name', 'a field', 'no such field')
      else this.#field(`${path}.${name}`, field, kafka, versions)
    }
  }

  #field(path: string, ours: AnyField, kafka: KafkaField, around: Versions): void {
    const { options } = ours
    const versions = inRange(around, kafka.versions, 'every')
    this.#compare(path, 'versions', versions, inRange(around, options.versions, 'every'))
    this.#compare(
      path,
      'nullable versions',
      inRange(versions, kafka.nullableVersions, 'never'),
      inRange(versions, options.nullable, 'never'),
    )
    this.#compare(
      path,
      'tag',
      inRange(versions, kafka.taggedVersions, 'never').map((version) => [version, kafka.tag]),
      this.#flexible
        .filter((version) => options.tag !== undefined && versions.includes(version))
        .map((version) => [version, options.tag]),
    )
    this.#compare(path, 'ignorable', kafka.ignorable ?? false, options.ignorable ?? false)
    this.#compare(path, 'type', kafka.type.replace(/[A-Z]\w*/, 'struct'), typeName(ours))
    this.#compare(path, 'default', kafkaDefault(kafka), ourDefault(ours))
    const inner = structFields(this.#definition, kafka)
    const struct = structOf(ours)
    if (inner !== undefined && struct !== undefined) this.fields(path, struct, inner, versions)
  }

  #compare(path: string, what: string, kafka: unknown, ours: unknown): void {
    if (!same(kafka, ours)) this.#note(path, what, kafka, ours)
  }

  #note(path: string, what: string, kafka: unknown, ours: unknown): void {
    this.#found.push(difference(path, what, kafka, ours))
  }
}

function difference(path: string, what: string, kafka: unknown, ours: unknown): string {
  return `${path}: ${what}: Kafka has ${show(kafka)}, Odradek ${show(ours)}`
}

function same(one: unknown, other: unknown): boolean {
  return show(one) === show(other)
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function versionsIn(range: VersionRange): Versions {
  return Array.from({ length: range.max - range.min + 1 }, (_, index) => range.min + index)
}

function inRange(
  versions: Versions,
  range: string | undefined,
  absent: 'every' | 'never',
): Versions {
  return versions.filter((version) => includesVersion(rangeOf(range, absent), version))
}

/** 64-bit integers come in three shapes here, which are one on the wire. */
const WIRE_TYPES: Readonly<Record<string, string>> = {
  boolean: 'bool',
  safeInt64: 'int64',
  timestamp: 'int64',
}

function typeName({ type }: AnyField): string {
  switch (type.kind) {
    case 'array':
      return `[]${typeName(type.element)}`
    case 'struct':
      return 'struct'
    case 'primitive':
      return WIRE_TYPES[type.primitive] ?? type.primitive
  }
}

export function structOf({ type }: AnyField): Fields | undefined {
  if (type.kind === 'array') return structOf(type.element)
  return type.kind === 'struct' ? type.fields : undefined
}

/** The default as text, the type's own when none is declared. */
function kafkaDefault({ type, default: declared }: KafkaField): string {
  if (declared !== undefined && declared !== '') {
    const text = String(declared)
    return /^-?(0x[0-9a-f]+|\d+)$/i.test(text) ? String(integer(text)) : text
  }
  if (/^(u?int|float)/.test(type)) return '0'
  if (type === 'bool') return 'false'
  if (type === 'uuid') return ZERO_UUID
  return type === 'records' ? 'null' : 'empty'
}

function integer(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}

function ourDefault({ type, options }: AnyField): string {
  if ('default' in options) return options.default === '' ? 'empty' : String(options.default)
  if (type.kind !== 'primitive') return 'empty'
  switch (type.primitive) {
    case 'string':
    case 'bytes':
      return 'empty'
    case 'records':
      return 'null'
    case 'boolean':
      return 'false'
    case 'uuid':
      return ZERO_UUID
    default:
      return '0'
  }
}
