/**
 * Topics by a pattern, resolved by the broker. A broker takes RE2 and wants the whole name to
 * match; a RegExp matches anywhere. So what is written with `^` and `$` (or `.*`) at its ends is
 * sent as it is, and other patterns get a `.*` where they are open: `/^orders-/` means what it
 * says.
 */
import { UsageError } from '../../errors/errors.ts'

/** Flags that RE2 can say, and how; those without a meaning for topic names are left out. */
const FLAGS: Readonly<Record<string, string>> = { i: 'i', s: 's', m: 'm', u: '' }

/** What JavaScript can say and RE2 can't: looking around, and what a group has matched before. */
const BEYOND_RE2 = /\(\?<?[=!]|\\[1-9]|\\k</

/** One pattern for all of these; undefined for none. */
export function patternOfAny(regexes: readonly RegExp[]): string | undefined {
  const patterns = regexes.map(patternOf)
  return patterns.length > 1 ? patterns.map((one) => `(?:${one})`).join('|') : patterns[0]
}

export function patternOf(regex: RegExp): string {
  const unknown = regex.flags.split('').filter((flag) => FLAGS[flag] === undefined)
  if (unknown.length > 0) {
    throw new UsageError(
      `The pattern ${String(regex)} has the flag "${unknown[0]}", which brokers do not know: ` +
        'they read patterns in RE2 syntax, with the flags i, m, s and u.',
    )
  }
  if (BEYOND_RE2.test(regex.source)) {
    throw new UsageError(
      `The pattern ${String(regex)} looks around or refers back to a group, which brokers ` +
        'cannot: they read patterns in RE2 syntax.',
    )
  }
  const flags = regex.flags
    .split('')
    .map((flag) => FLAGS[flag])
    .join('')
  const prefix = flags === '' ? '' : `(?${flags})`
  const source = regex.source.replaceAll('\\/', '/')
  if (source.includes('|')) return `${prefix}.*(?:${source}).*`
  const start = source.startsWith('^') || source.startsWith('.*') ? '' : '.*'
  const end = /(^|[^\\])(\\\\)*(\$|\.\*)$/.test(source) ? '' : '.*'
  return `${prefix}${start}${source}${end}`
}
