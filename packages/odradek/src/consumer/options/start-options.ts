/** Where a group begins, and where it goes on when its place is gone. */
import { UsageError } from '../../errors/errors.ts'
import { shown } from '../../errors/shown.ts'
import { isBoolean, isOneOf, type OptionRow } from '../../options/option-table.ts'

/** Kafka's special timestamps of ListOffsets. */
export const LATEST = -1
export const EARLIEST = -2

/**
 * Where a group begins that has committed nothing: at the first record there is, at the instant at
 * which the group first started (nothing written since is skipped, restarts included), at a
 * timestamp (ms since the epoch), so long before the group first started (kept as with `latest`: a
 * partition that is added, or a restart, does not begin later), or nowhere (`fail` says so).
 */
export type StartFrom =
  | 'earliest'
  | 'latest'
  | 'fail'
  | { readonly timestamp: number }
  | { readonly durationMs: number }

/** Counted from the group's first start, whichever member asks, and when. */
export function isInstant(startFrom: StartFrom): boolean {
  return startFrom === 'latest' || (typeof startFrom === 'object' && 'durationMs' in startFrom)
}

/**
 * Where to go on when the broker keeps nothing at the position any more: at the nearest offset
 * that skips nothing still there, at one of the ends, or nowhere. What is gone is always told
 * (`dataLoss`).
 */
export type OnOutOfRange = 'nearest' | 'earliest' | 'latest' | 'fail'

export interface StartOptions {
  /** Where a group begins that has committed nothing. There is no default: say it. */
  readonly startFrom?: StartFrom | undefined
  /** Default `nearest`. */
  readonly onOutOfRange?: OnOutOfRange | undefined
  /** Kafka's name for the two options above: both at once, as Kafka has it. */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none' | undefined
  /**
   * Whether `startFrom: 'latest'` commits where it begins before it delivers anything, so that a
   * restart before the first commit begins there again and skips nothing; true by default. `false`
   * is for programs that keep their offsets elsewhere (and seek in `onAssigned`): delivery waits
   * for no commit, and a member that finds no offset, before anything was processed and committed,
   * begins at its own start. The pin is the one commit that `enableAutoCommit: false` does not
   * turn off; this option does.
   */
  readonly pinLatest?: boolean | undefined
}

export interface EffectiveStartOptions {
  readonly startFrom: StartFrom
  readonly onOutOfRange: OnOutOfRange
  readonly pinLatest: boolean
}

const STARTS = '"earliest", "latest", "fail", { timestamp } (ms since the epoch) or { durationMs }'

function checkStartFrom(value: unknown): string | undefined {
  if (value === 'earliest' || value === 'latest' || value === 'fail') return undefined
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return STARTS
  const [[name, given]] = Object.entries(value) as [[string, unknown]]
  const isKnown = name === 'timestamp' || name === 'durationMs'
  return isKnown && Number.isSafeInteger(given) && (given as number) >= 0 ? undefined : STARTS
}

export const startRows: readonly OptionRow[] = [
  {
    name: 'startFrom',
    alsoCalled: ['fromBeginning', 'offset'],
    check: checkStartFrom,
    text: 'where a group begins that has committed nothing; it must be said.',
  },
  {
    name: 'onOutOfRange',
    check: isOneOf('nearest', 'earliest', 'latest', 'fail'),
    text: 'where to go on when the position is gone; "nearest" unless said otherwise.',
  },
  {
    name: 'autoOffsetReset',
    kafkaName: 'auto.offset.reset',
    check: isOneOf('earliest', 'latest', 'none'),
    text: "Kafka's name for startFrom and onOutOfRange, both at once.",
  },
  {
    name: 'pinLatest',
    check: isBoolean,
    text:
      'whether "latest" commits where it begins before it delivers, also where enableAutoCommit ' +
      'is false; true unless said otherwise.',
  },
]

/** Kafka's one option or our two, brought together. */
export function settleStart(given: StartOptions, where: string): EffectiveStartOptions {
  const { autoOffsetReset, pinLatest } = given
  const reset = autoOffsetReset === 'none' ? 'fail' : autoOffsetReset
  if (reset !== undefined && (given.startFrom ?? given.onOutOfRange) !== undefined) {
    throw new UsageError(
      `${where} was given "autoOffsetReset" beside "startFrom" or "onOutOfRange"; ` +
        'it stands for both, so give either it or them.',
    )
  }
  const startFrom = reset ?? given.startFrom
  if (startFrom === undefined) {
    throw new UsageError(
      `${where} needs the option "startFrom": where a group begins that has committed nothing ` +
        `(${STARTS}).`,
    )
  }
  if (pinLatest !== undefined && startFrom !== 'latest') {
    throw new UsageError(
      `${where} was given "pinLatest", which is for startFrom: 'latest'; it is ` +
        `${shown(startFrom)}.`,
    )
  }
  const onOutOfRange = reset ?? given.onOutOfRange ?? 'nearest'
  return { startFrom, onOutOfRange, pinLatest: pinLatest ?? true }
}
