/** The options that calls have in common, as rows of their tables. */
import { isBoolean, isNumber, isSignal, isString, type OptionRow } from './option-table.ts'

export const signalRow: OptionRow = {
  name: 'signal',
  check: isSignal,
  text: 'ends the wait when it aborts; the call rejects with its reason.',
}

export const closeTimeoutRow: OptionRow = {
  name: 'timeoutMs',
  alsoCalled: ['timeout'],
  unit: 'ms',
  default: 30_000,
  check: isNumber(0),
  text: 'how long what is under way may take; then it is cut short, and its callers are told.',
}

export const CLOSE_OPTIONS: readonly OptionRow[] = [closeTimeoutRow]

/** Options of `close`. */
export interface CloseOptions {
  /** How long what is under way may still take, ms. Default 30,000. */
  readonly timeoutMs?: number | undefined
}

/** Options of `kafka.closeOnSignal`. */
export interface CloseOnSignalOptions {
  /** Default `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly string[] | undefined
  /** How long each part may take, ms. Default 30,000. */
  readonly timeoutMs?: number | undefined
}

function checkSignals(value: unknown): string | undefined {
  const isName = (one: unknown): boolean => typeof one === 'string' && /^SIG[A-Z0-9]+$/.test(one)
  return Array.isArray(value) && value.length > 0 && (value as unknown[]).every(isName)
    ? undefined
    : 'a list of names of signals, like ["SIGTERM"]'
}

export const CLOSE_ON_SIGNAL_OPTIONS: readonly OptionRow[] = [
  {
    name: 'signals',
    default: ['SIGTERM', 'SIGINT'],
    check: checkSignals,
    text: 'the signals that close everything.',
  },
  closeTimeoutRow,
]

/** Of `kafka.request`, the escape hatch. */
export const REQUEST_OPTIONS: readonly OptionRow[] = [
  { name: 'nodeId', check: isNumber(0), text: 'whom to ask; the least busy broker unless said.' },
  {
    name: 'returnErrors',
    default: false,
    check: isBoolean,
    text: 'error codes in the response are not thrown: the caller reads them.',
  },
  {
    name: 'purpose',
    default: 'general',
    check: isString,
    text: "which of a broker's connections is used.",
  },
  {
    name: 'timeoutMs',
    unit: 'ms',
    check: isNumber(1),
    text: "how long the broker may take; the client's requestTimeoutMs unless said.",
  },
  {
    name: 'brokerWaitMs',
    alsoCalled: ['extraWaitMs'],
    unit: 'ms',
    default: 0,
    check: isNumber(0),
    text: "the request's own wait at the broker, on top.",
  },
  { name: 'maxVersion', check: isNumber(0), text: 'the newest version of the request to speak.' },
  {
    name: 'expectsResponse',
    alsoCalled: ['expectsAnswer'],
    default: true,
    check: isBoolean,
    text: 'false for requests that brokers do not answer.',
  },
]
