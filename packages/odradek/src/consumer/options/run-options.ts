/**
 * How `consumer.run(handler, options)` treats records: how many at once, in which order, and
 * errors.
 */
import { UsageError } from '../../errors/errors.ts'
import {
  isNumber,
  isObject,
  isOneOf,
  isSignal,
  type OptionRow,
  parseOptions,
} from '../../options/option-table.ts'

export interface RunOptions {
  /** Handlers at work at the same time. Default 1. */
  readonly concurrency?: number | undefined
  /**
   * What stays in order: the records of a partition (the default), those of a key (records without
   * one keep the order of their partition), or nothing.
   */
  readonly order?: 'partition' | 'key' | 'none' | undefined
  /**
   * What happens when the handler throws. Default `stop`: `run` rejects, the record stays
   * unprocessed. With `retry`, the handler is called again so many times, with growing pauses.
   */
  readonly onError?: 'stop' | ErrorPolicy | undefined
  /**
   * With `order` by key or none: one unfinished record holds back the commits of at most so many
   * behind it in its partition; then no more of it are handed out. Default 10,000.
   */
  readonly maxUncommittedRecords?: number | undefined
  /** Ends `run` when it aborts: records in hand are finished, then the promise resolves. */
  readonly signal?: AbortSignal | undefined
}

export interface ErrorPolicy {
  readonly retry?: number | undefined
  /** The first pause, ms; it doubles. Default 100. */
  readonly backoffMs?: number | undefined
  /** ms. Default 10,000. */
  readonly backoffMaxMs?: number | undefined
  /**
   * When it still throws: `stop` (the default), or count the record as processed and say so
   * (`recordSkipped`), with `deadLetterTopic` only after it was written there, with headers that
   * tell where it came from and why.
   */
  readonly onExhausted?: 'stop' | 'skip' | { readonly deadLetterTopic: string } | undefined
}

export interface EffectiveRunOptions {
  readonly concurrency: number
  readonly order: 'partition' | 'key' | 'none'
  readonly maxUncommittedRecords: number
  readonly onError: Required<{ [K in keyof ErrorPolicy]: NonNullable<ErrorPolicy[K]> }>
  readonly signal?: AbortSignal
}

export const RUN_OPTIONS: readonly OptionRow[] = [
  {
    name: 'concurrency',
    alsoCalled: ['partitionsConsumedConcurrently'],
    default: 1,
    check: isNumber(1, 100_000),
    text: 'handlers at work at the same time.',
  },
  {
    name: 'order',
    default: 'partition',
    check: isOneOf('partition', 'key', 'none'),
    text: 'what stays in order.',
  },
  {
    name: 'maxUncommittedRecords',
    unit: 'count',
    default: 10_000,
    check: isNumber(1),
    text: 'how many records one unfinished record may hold back.',
  },
  {
    name: 'onError',
    default: 'stop',
    check: (value) =>
      value === 'stop' || isObject(value) === undefined
        ? undefined
        : '"stop", or an object of retry, backoffMs, backoffMaxMs and onExhausted ' +
          '("stop", "skip" or { deadLetterTopic: "name" })',
    text: 'what happens when the handler throws.',
  },
  {
    name: 'signal',
    check: isSignal,
    text: 'ends run when it aborts.',
  },
]

function checkOtherwise(value: unknown): string | undefined {
  if (value === 'stop' || value === 'skip') return undefined
  const topic = (value as { readonly deadLetterTopic?: unknown } | null)?.deadLetterTopic
  return typeof topic === 'string' && topic !== ''
    ? undefined
    : '"stop", "skip" or { deadLetterTopic: "name" }'
}

export const ERROR_POLICY_OPTIONS: readonly OptionRow[] = [
  { name: 'retry', default: 0, check: isNumber(0), text: 'how often the handler is called again.' },
  { name: 'backoffMs', default: 100, unit: 'ms', check: isNumber(0), text: 'the first pause.' },
  {
    name: 'backoffMaxMs',
    default: 10_000,
    unit: 'ms',
    check: isNumber(0),
    text: 'the longest pause.',
  },
  {
    name: 'onExhausted',
    alsoCalled: ['otherwise', 'then'],
    default: 'stop',
    check: checkOtherwise,
    text: 'what happens when it still throws.',
  },
]

export function parseRunOptions(given: RunOptions): EffectiveRunOptions {
  const parsed = parseOptions<Omit<EffectiveRunOptions, 'onError'> & RunOptions>(
    RUN_OPTIONS,
    given,
    'consumer.run(...)',
  )
  const policy = parsed.onError === 'stop' || parsed.onError === undefined ? {} : parsed.onError
  const onError = parseOptions<EffectiveRunOptions['onError']>(
    ERROR_POLICY_OPTIONS,
    policy,
    '"onError"',
  )
  return { ...parsed, onError }
}

export function refuseHandler(handler: unknown): void {
  if (typeof handler === 'function') return
  const { eachMessage, eachBatch } = (handler ?? {}) as Readonly<Record<string, unknown>>
  let hint = ''
  if (eachMessage !== undefined) hint = ' Write run(async (record) => { ... }).'
  if (eachBatch !== undefined) hint = ' Write for await (const batch of consumer.batches()).'
  throw new UsageError(`consumer.run(...) takes a function that is called with each record.${hint}`)
}
