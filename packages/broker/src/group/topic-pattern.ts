/**
 * Patterns of topic names. Kafka's coordinator matches whole names with RE2; JavaScript's RegExp
 * agrees with it on nearly all topic patterns. What RE2 does not support (look-around, back
 * references), what JavaScript does not support, and what the two interpret differently is refused
 * as invalid, so that a pattern never means something else in production.
 */

/** `(?i)` and `(?s)` at the very beginning, which JavaScript writes elsewhere. */
const LEADING_FLAGS = /^\(\?([is]+)\)/
const NOT_IN_RE2 = /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k/
/** Escaped letters that mean the same in both. */
const SHARED_ESCAPES = /^[bBdDfnrsStvwW]$/
const ONLY_IN_RE2 = /\[\[?\^?:|\(\?[a-zA-Z-]+[:)]/
const MAX_REPEAT = 1000

/** A matcher of whole names; undefined when the pattern is invalid. */
export function compileTopicPattern(pattern: string): RegExp | undefined {
  const leading = LEADING_FLAGS.exec(pattern)
  const flags = leading?.[1] ?? ''
  const body = pattern.slice(leading?.[0].length ?? 0).replaceAll('(?P<', '(?<')
  const plain = body.replaceAll('\\\\', '')
  if (NOT_IN_RE2.test(plain) || ONLY_IN_RE2.test(plain) || !hasSharedEscapes(plain)) {
    return undefined
  }
  for (const [, counts = ''] of plain.matchAll(/\{(\d[\d,]*)\}/g)) {
    if (counts.split(',').some((count) => Number(count) > MAX_REPEAT)) return undefined
  }
  try {
    return new RegExp(`^(?:${body})$`, [...new Set(flags)].join(''))
  } catch {
    return undefined
  }
}

function hasSharedEscapes(pattern: string): boolean {
  for (const [, escaped = ''] of pattern.matchAll(/\\(.?)/gs)) {
    if (escaped === '') return false
    if (/[a-zA-Z0-9]/.test(escaped) && !SHARED_ESCAPES.test(escaped)) return false
  }
  return true
}

/** The names that a pattern means, sorted; none when it is invalid. */
export function matchingTopics(pattern: string, names: Iterable<string>): readonly string[] {
  const matcher = compileTopicPattern(pattern)
  if (matcher === undefined) return []
  return [...names].filter((name) => matcher.test(name)).sort()
}
