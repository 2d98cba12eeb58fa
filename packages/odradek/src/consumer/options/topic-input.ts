/** What names a topic to read: its name, or what `topic('...')` returns; and what is refused. */
import { UsageError } from '../../errors/errors.ts'
import { type AnyTopic, checkTopicName } from '../../serdes/topic.ts'

export type TopicInput = string | AnyTopic

export function nameOf(topic: TopicInput): string {
  return typeof topic === 'string' ? topic : topic.name
}

export function isTopicInput(one: unknown): one is TopicInput {
  return typeof one === 'string' || (typeof one === 'object' && one !== null && 'name' in one)
}

function isTopicOrPattern(one: unknown): boolean {
  return one instanceof RegExp || isTopicInput(one)
}

/** What a list of topics must be; undefined when it is one. */
export function describeTopics(
  value: unknown,
  isOne: (one: unknown) => boolean = isTopicInput,
): string | undefined {
  if (Array.isArray(value) && value.length > 0 && (value as unknown[]).every(isOne)) return
  const patterns = isOne === isTopicInput ? '' : ', or patterns'
  return `a list of topics, at least one: names, or what topic('...') gives${patterns}`
}

/** The same, where a pattern may stand for the list, or in it. */
export function describeTopicsOrPatterns(value: unknown): string | undefined {
  return describeTopics(value instanceof RegExp ? [value] : value, isTopicOrPattern)
}

/** For one topic where a list is wanted. */
export function hintAtList(value: unknown): string | undefined {
  return isTopicInput(value) ? `Write topics: [${shown(value)}].` : undefined
}

/** @throws UsageError when these are no topics to read. */
export function checkTopics(topics: readonly TopicInput[]): void {
  const problem = describeTopics(topics)
  if (problem !== undefined) {
    const { topic: one = topics, topics: many } = (topics ?? {}) as unknown as Record<
      string,
      unknown
    >
    const hint = isTopicInput(one)
      ? ` Write subscribe([${shown(one)}]).`
      : many === undefined
        ? ''
        : ' Write subscribe([...]), without "topics".'
    throw new UsageError(`subscribe(...) takes ${problem}.${hint}`)
  }
  for (const one of topics) checkTopicName(nameOf(one))
}

function shown(topic: TopicInput): string {
  return typeof topic === 'string' ? JSON.stringify(topic) : topic.name
}

export function splitTopics(given: readonly (TopicInput | RegExp)[]): {
  readonly topics: readonly TopicInput[]
  readonly topicPatterns: readonly RegExp[]
} {
  return {
    topics: given.filter((one): one is TopicInput => !(one instanceof RegExp)),
    topicPatterns: given.filter((one): one is RegExp => one instanceof RegExp),
  }
}
