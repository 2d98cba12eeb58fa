/**
 * Options as data: one row per option with its Kafka name, unit, default and check. From the
 * tables come the refusal of what is unknown or wrong (a full sentence, at construction), the
 * defaults, what `effectiveOptions` reads back, and the configuration page of the documentation.
 */
import { didYouMean } from '@odradek/protocol'
import { UsageError } from '../errors/errors.ts'
import { shown } from '../errors/shown.ts'
import { insteadOf } from './foreign-options.ts'

export interface OptionRow {
  readonly name: string
  /** Kafka's own name for it, when there is one. */
  readonly kafkaName?: string
  readonly default?: unknown
  readonly isRequired?: boolean
  /** What other clients call it, for hints. */
  readonly alsoCalled?: readonly string[]
  readonly unit?: 'ms' | 'bytes' | 'count'
  /** Its value is never part of a message. */
  readonly isSecret?: boolean
  /** What to write in place of a common mistake, as a sentence. */
  readonly hint?: (value: unknown) => string | undefined
  /** One sentence for people. */
  readonly text: string
  /** What must hold, as the end of "must be ..."; undefined when the value is fine. */
  readonly check: (value: unknown) => string | undefined
}

export const isString = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? undefined : 'a string that is not empty'

export const isBoolean = (value: unknown): string | undefined =>
  typeof value === 'boolean' ? undefined : 'true or false'

export const isFunction = (value: unknown): string | undefined =>
  typeof value === 'function' ? undefined : 'a function'

export const isObject = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? undefined : 'an object'

export const isSignal = (value: unknown): string | undefined =>
  value instanceof AbortSignal ? undefined : 'an AbortSignal'

export function isNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (value: unknown): string | undefined =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : max === Number.MAX_SAFE_INTEGER
        ? `a whole number, ${min} or more`
        : `a whole number from ${min} to ${max}`
}

export function isOneOf(...values: readonly unknown[]) {
  return (value: unknown): string | undefined =>
    values.includes(value)
      ? undefined
      : `one of ${values.map((one) => JSON.stringify(one)).join(', ')}`
}

/** For options with a few values: the one that was meant, in the wrong case. */
export function hintAtCase(...values: readonly string[]) {
  return (value: unknown): string | undefined => {
    const meant = values.find((one) => one === String(value).toLowerCase())
    return meant === undefined ? undefined : `Write ${JSON.stringify(meant)}.`
  }
}

export function isStringOrStrings(value: unknown): string | undefined {
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  return list.length > 0 && list.every((one) => typeof one === 'string' && one !== '')
    ? undefined
    : 'a string, or a list of strings'
}

/** Checks what a user gave against a table and fills in the defaults. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the table's own result type
export function parseOptions<T>(table: readonly OptionRow[], given: unknown, where: string): T {
  if (typeof given !== 'object' || given === null) {
    throw new UsageError(`${where} takes an object of options.`)
  }
  const values = given as Readonly<Record<string, unknown>>
  const known = new Set(table.map((row) => row.name))
  for (const name of Object.keys(values)) {
    if (known.has(name)) continue
    const called = table.find((row) => isCalled(row, name))?.name
    const meant = called === undefined ? didYouMean(name, known) : `Did you mean "${called}"?`
    const hint = insteadOf(name, where) ?? meant
    throw new UsageError(`${where} has no option "${name}". ${hint}`.trimEnd())
  }
  const isNull = table.find(({ name }) => values[name] === null)
  if (isNull !== undefined) throw nullError(isNull, where)
  const parsed: Record<string, unknown> = {}
  for (const row of table) {
    const value = values[row.name] === undefined ? row.default : values[row.name]
    if (value === undefined) {
      if (row.isRequired === true) {
        throw new UsageError(`${where} needs the option "${row.name}": ${row.text}`)
      }
      continue
    }
    const problem = row.check(value) ?? tooLong(row, value)
    if (problem !== undefined) {
      const given = row.isSecret === true ? describeSecret(value) : describe(value)
      const problemIs = `must be ${problem}; it is ${given}.`
      const hint = row.hint?.(value) ?? ''
      throw new UsageError(`The option "${row.name}" of ${where} ${problemIs} ${hint}`.trimEnd())
    }
    parsed[row.name] = value
  }
  return parsed as T
}

/** By Kafka's own name for it (`session.timeout.ms`), or that of another client. */
function isCalled({ alsoCalled, kafkaName }: OptionRow, name: string): boolean {
  return alsoCalled?.includes(name) === true || kafkaName?.split(', ').includes(name) === true
}

function nullError({ name, isRequired, text }: OptionRow, where: string): UsageError {
  const instead =
    isRequired === true
      ? `It must be given: ${text}`
      : 'Leave it out (or give undefined) for its default.'
  return new UsageError(`The option "${name}" of ${where} is null. ${instead}`)
}

/** The same for the options of a call, of which most are made without any. */
export function checkOptions(table: readonly OptionRow[], given: unknown, where: string): void {
  if (given !== undefined) parseOptions(table, given, where)
}

/** Timers cannot wait longer than this: one that is set to more fires at once. */
const MAX_MS = 0x7fff_ffff

function tooLong({ unit }: OptionRow, value: unknown): string | undefined {
  return unit === 'ms' && (value as number) > MAX_MS ? `at most ${MAX_MS} ms` : undefined
}

/** What kind of value a secret is, without it. */
function describeSecret(value: unknown): string {
  if (typeof value === 'string') return 'a string, which is not shown'
  if (Array.isArray(value)) return 'a list, which is not shown'
  return describe(value)
}

/** Secrets do not belong into messages: of objects only the names are shown. */
function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (Object.prototype.toString.call(value) === '[object Date]') return 'a point in time'
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return `an object with ${Object.keys(value).join(', ') || 'nothing'}`
  }
  return shown(value)
}
