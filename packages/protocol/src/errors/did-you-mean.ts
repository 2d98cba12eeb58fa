/** What a misspelt name was meant to be: for the sentences that refuse unknown names. */

const MAX_EDITS = 3
const MAX_SUGGESTIONS = 3
/** Shorter words are in too many names to say anything. */
const MIN_PART = 4

/** `Did you mean "a"?`, or `"a" or "b"?`; empty when no known name is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearestNames(name, [...known]).map((one) => `"${one}"`)
  const last = near.pop()
  if (last === undefined) return ''
  return `Did you mean ${near.length === 0 ? last : `${near.join(', ')} or ${last}`}?`
}

/** The one with the fewest edits, if that may be a slip of the pen; else those with that part. */
function nearestNames(name: string, known: readonly string[]): readonly string[] {
  const given = name.toLowerCase()
  let best: string | undefined
  let fewest = Math.min(MAX_EDITS, Math.ceil(name.length / 2)) + 1
  for (const candidate of known) {
    const edits = editDistance(given, candidate.toLowerCase())
    if (edits < fewest) {
      fewest = edits
      best = candidate
    }
  }
  if (best !== undefined) return [best]
  if (given.length < MIN_PART) return []
  return known.filter((one) => one.toLowerCase().includes(given)).slice(0, MAX_SUGGESTIONS)
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
