/** Version ranges as Kafka writes them: `3` (that one), `0-4`, `3+` (from there on), `none`. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

const EVERY: VersionRange = { min: 0, max: Number.POSITIVE_INFINITY }
const NEVER: VersionRange = { min: 1, max: 0 }

export function versionRange(text: string | undefined, absent: 'every' | 'never'): VersionRange {
  if (text === undefined) return absent === 'every' ? EVERY : NEVER
  if (text === 'none') return NEVER
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (match === null) throw new TypeError(`"${text}" is no version range`)
  const min = Number(match[1])
  if (match[2] !== undefined) return { min, max: Number.POSITIVE_INFINITY }
  return { min, max: match[3] === undefined ? min : Number(match[3]) }
}

export function includesVersion(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max
}
