import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyField, apis, type Fields } from '@odradek/protocol'
import { MESSAGES } from '../vectors/known-messages.ts'
import { readVectors } from '../vectors/vector-files.ts'
import { compareMessage, structOf } from './compare.ts'
import { type KafkaField, kafkaDefinitions, nameOf, structFields } from './definitions.ts'
import { API_DIFFERENCES, INTERNAL_APIS, SCHEMA_DIFFERENCES } from './differences.ts'

const definitions = kafkaDefinitions()

test('our schemas are what Kafka defines, but for the differences that are listed', () => {
  const found = [...MESSAGES].flatMap(([name, message]) => {
    const definition = definitions.get(name)
    return definition === undefined
      ? [`${name}: Kafka has no such message`]
      : compareMessage(message, definition)
  })
  assertListed(found, SCHEMA_DIFFERENCES)
})

test('API keys, version ranges and header versions are those of the broker', () => {
  const found: string[] = []
  const kafkas = new Map(readVectors('apis').map((one) => [one.name, one]))
  for (const [name, api] of Object.entries(apis)) {
    const kafka = kafkas.get(name)
    kafkas.delete(name)
    const { min, max } = api.versions
    const ours = `key ${api.apiKey}, versions ${min}-${max}`
    const theirs =
      kafka === undefined
        ? 'no such API'
        : `key ${kafka.apiKey}, versions ${kafka.lowestVersion}-${kafka.highestVersion}`
    if (ours !== theirs) found.push(`${name}: Kafka has ${theirs}, Odradek ${ours}`)
    assert.equal(api.name, name)
    const flexible = kafka?.requestHeaders.map((header) => header === 2)
    for (let version = min; version <= max; version++) {
      assert.equal(api.request.at(version).isFlexible, flexible?.[version - min], name)
    }
  }
  assertListed(found, API_DIFFERENCES)
  assert.deepEqual([...kafkas.keys()].sort(), Object.keys(INTERNAL_APIS).sort())
})

test('64-bit integers have the shape that their meaning asks for', () => {
  const problems: string[] = []
  const visit = (path: string, fields: Fields, kafkas: readonly KafkaField[], name: string) => {
    const definition = definitions.get(name)
    assert.ok(definition !== undefined)
    for (const kafka of kafkas) {
      const field = fields[nameOf(kafka)]
      if (field === undefined) continue
      const at = `${path}.${nameOf(kafka)}`
      const shape = primitiveOf(field)
      if (kafka.entityType === 'producerId' && shape !== 'int64') problems.push(`${at}: ${shape}`)
      if (/Timestamp(Ms)?$|^(LogAppend|TransactionStart)TimeMs$/.test(kafka.name)) {
        if (shape !== 'timestamp') problems.push(`${at}: ${shape}`)
      }
      const inner = structFields(definition, kafka)
      const struct = structOf(field)
      if (inner !== undefined && struct !== undefined) visit(at, struct, inner, name)
    }
  }
  for (const [name, message] of MESSAGES) {
    visit(name, message.fields, definitions.get(name)?.fields ?? [], name)
  }
  assert.deepEqual(problems, [])
})

function primitiveOf({ type }: AnyField): string {
  if (type.kind === 'array') return primitiveOf(type.element)
  return type.kind === 'primitive' ? type.primitive : type.kind
}

/** Fails on a difference that is not listed, and on a listed one that is no more. */
function assertListed(found: readonly string[], listed: Readonly<Record<string, string>>): void {
  const unlisted = found.filter((one) => !(one in listed))
  const gone = Object.keys(listed).filter((one) => !found.includes(one))
  assert.deepEqual({ unlisted, gone }, { unlisted: [], gone: [] })
}
