/** How `shareConsumer.run(handler, options)` treats records: how many at once, and errors. */
import {
  isNumber,
  isObject,
  isOneOf,
  isSignal,
  type OptionRow,
  parseOptions,
} from '../options/option-table.ts'

export interface ShareRunOptions {
  /** Handlers at work at the same time. Default 1. A share group has no order to keep. */
  readonly concurrency?: number | undefined
  /** What happens when the handler throws. By default the record is released after a pause. */
  readonly onError?: 'release' | 'reject' | 'stop' | ShareErrorPolicy | undefined
  /** Ends `run` when it aborts: records in hand are finished, then the promise resolves. */
  readonly signal?: AbortSignal | undefined
}

export interface ShareErrorPolicy {
  /**
   * `release` (the default): delivered again, to this or another member, until the group's delivery
   * limit; `reject`: given up at once; `stop`: released, and `run` rejects.
   */
  readonly onExhausted?: 'release' | 'reject' | 'stop' | undefined
  /** The pause before a first release, ms; it doubles with each delivery. Default 100. */
  readonly backoffMs?: number | undefined
  /** ms. Default 10,000. */
  readonly backoffMaxMs?: number | undefined
}

export interface EffectiveShareRunOptions {
  readonly concurrency: number
  readonly onError: Required<{ [K in keyof ShareErrorPolicy]: NonNullable<ShareErrorPolicy[K]> }>
  readonly signal?: AbortSignal
}

const isOutcome = isOneOf('release', 'reject', 'stop')

export const SHARE_RUN_OPTIONS: readonly OptionRow[] = [
  {
    name: 'concurrency',
    default: 1,
    check: isNumber(1, 100_000),
    text: 'handlers at work at the same time.',
  },
  {
    name: 'onError',
    default: 'release',
    check: (value) => (typeof value === 'string' ? isOutcome(value) : isObject(value)),
    text: 'what happens when the handler throws.',
  },
  {
    name: 'signal',
    check: isSignal,
    text: 'ends run when it aborts.',
  },
]

export const SHARE_ERROR_POLICY_OPTIONS: readonly OptionRow[] = [
  {
    name: 'onExhausted',
    alsoCalled: ['otherwise'],
    default: 'release',
    check: isOutcome,
    text: 'what becomes of a record whose handler threw.',
  },
  {
    name: 'backoffMs',
    default: 100,
    unit: 'ms',
    check: isNumber(0),
    text: 'the pause before a first release.',
  },
  {
    name: 'backoffMaxMs',
    default: 10_000,
    unit: 'ms',
    check: isNumber(0),
    text: 'the longest pause before a release.',
  },
]

export function parseShareRunOptions(given: ShareRunOptions): EffectiveShareRunOptions {
  const parsed = parseOptions<ShareRunOptions & { readonly concurrency: number }>(
    SHARE_RUN_OPTIONS,
    given,
    'shareConsumer.run(...)',
  )
  const { concurrency, signal, onError: policy = 'release' } = parsed
  const onError = parseOptions<EffectiveShareRunOptions['onError']>(
    SHARE_ERROR_POLICY_OPTIONS,
    typeof policy === 'string' ? { onExhausted: policy } : policy,
    '"onError" of shareConsumer.run(...)',
  )
  return { concurrency, onError, ...(signal === undefined ? {} : { signal }) }
}
