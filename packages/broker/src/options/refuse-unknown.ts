import { didYouMean } from '@odradek/protocol'
import { UsageError } from './usage-error.ts'

/** More names than that do not help in a sentence. */
const MAX_LISTED = 12

/** Refuses the first name that is not known, with the names that were probably meant. */
export function refuseUnknown(
  given: readonly string[],
  known: readonly string[],
  say: (name: string) => string,
): void {
  const unknown = given.find((name) => !known.includes(name))
  if (unknown === undefined) return
  const hint = didYouMean(unknown, known)
  if (hint !== '') throw new UsageError(`${say(unknown)}. ${hint}`)
  const list = known.length > MAX_LISTED ? '' : `; there are ${known.join(', ')}`
  throw new UsageError(`${say(unknown)}${list}.`)
}
