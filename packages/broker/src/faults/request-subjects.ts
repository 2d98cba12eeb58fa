/**
 * Which groups and topics a request names, whatever its API: Kafka calls the same thing by a
 * handful of field names, and these are looked for. Only faults use it, so it may be slow.
 */
import { ZERO_UUID } from '@odradek/protocol'

type Body = Readonly<Record<string, unknown>>

const GROUP_LISTS = ['groups', 'groupsNames', 'coordinatorKeys']
const TOPIC_LISTS = ['topics', 'topicData', 'topicNames', 'forgottenTopicsData']

export function groupsOf(body: Body): readonly string[] {
  const found: unknown[] = [body['groupId'], body['key']]
  for (const name of GROUP_LISTS) {
    for (const entry of listOf(body[name])) found.push(nameOf(entry, ['groupId']))
  }
  return found.filter((one) => typeof one === 'string')
}

/** `topicNameOf` gives the name of the topic with an id, if there is one. */
export function topicsOf(
  body: Body,
  topicNameOf: (id: string) => string | undefined,
): readonly string[] {
  const found: string[] = []
  const visit = (container: Body): void => {
    for (const list of TOPIC_LISTS) {
      for (const entry of listOf(container[list])) {
        const id = nameOf(entry, ['topicId'])
        const byId = typeof id === 'string' && id !== ZERO_UUID ? topicNameOf(id) : undefined
        const name = byId ?? nameOf(entry, ['name', 'topic'])
        if (typeof name === 'string' && name !== '') found.push(name)
      }
    }
  }
  visit(body)
  for (const group of listOf(body['groups'])) if (isBody(group)) visit(group)
  return found
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function nameOf(entry: unknown, fields: readonly string[]): unknown {
  if (!isBody(entry)) return entry
  for (const field of fields) if (entry[field] !== undefined) return entry[field]
  return undefined
}

function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null
}
