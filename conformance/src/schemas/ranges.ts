import type { VersionRange } from '@odradek/protocol'

const EVERY: VersionRange = { min: 0, max: Number.POSITIVE_INFINITY }
const NEVER: VersionRange = { min: 1, max: 0 }

/**
 * A version range as Kafka writes it: `3`, `0-4`, `3+`, `none`. Read anew here, not by our code.
 */
export function rangeOf(text: string | undefined, absent: 'every' | 'never'): VersionRange {
  if (text === undefined) return absent === 'every' ? EVERY : NEVER
  if (text === 'none') return NEVER
  if (text.endsWith('+')) return { min: Number(text.slice(0, -1)), max: Number.POSITIVE_INFINITY }
  const [min, max] = text.split('-').map(Number)
  if (min === undefined || Number.isNaN(min)) throw new TypeError(`"${text}" is no version range`)
  return { min, max: max ?? min }
}
