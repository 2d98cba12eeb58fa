/** Kafka's own message definitions, as the oracle took them from the jar (without their prose). */
import { readVectors } from '../vectors/vector-files.ts'

export interface KafkaField {
  readonly name: string
  /** `int32`, `string`, `[]int32`, or the name of a struct. */
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly default?: string | number | boolean
  readonly ignorable?: boolean
  readonly entityType?: string
  readonly fields?: readonly KafkaField[]
}

export interface KafkaDefinition {
  readonly name: string
  readonly apiKey?: number
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly KafkaField[]
  readonly commonStructs?: readonly {
    readonly name: string
    readonly fields: readonly KafkaField[]
  }[]
}

export function kafkaDefinitions(): ReadonlyMap<string, KafkaDefinition> {
  const definitions = readVectors('definitions') as unknown as readonly KafkaDefinition[]
  return new Map(definitions.map((definition) => [definition.name, definition]))
}

/** The name that a field has here: Kafka's, beginning small. */
export function nameOf({ name }: KafkaField): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

/** The fields of a struct, wherever they are written down; undefined for a primitive type. */
export function structFields(
  definition: KafkaDefinition,
  field: KafkaField,
): readonly KafkaField[] | undefined {
  const type = field.type.replace('[]', '')
  if (/^[a-z]/.test(type)) return undefined
  return field.fields ?? definition.commonStructs?.find(({ name }) => name === type)?.fields
}
