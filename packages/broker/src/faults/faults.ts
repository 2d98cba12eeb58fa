/**
 * Faults on order: a rule says which requests it concerns and what happens to them. The first rule
 * that fits a request decides; rules are looked at in the order in which they were added. Applied
 * in one place, the dispatcher, around every handler.
 */
import { apis, ErrorCode } from '@odradek/protocol'
import { refuseUnknown } from '../options/refuse-unknown.ts'
import { UsageError } from '../options/usage-error.ts'

export type ApiName = keyof typeof apis
export type ErrorName = keyof typeof ErrorCode

/** A response's or a request's body, with Kafka's field names in camelCase. */
export type MessageBody = Record<string, unknown>

/** Returns the response to send. `request` is the request's body, `version` the API's version. */
export type AlterResponse = (
  response: MessageBody,
  request: Readonly<MessageBody>,
  version: number,
) => MessageBody

export interface FaultOptions {
  /** Kafka's name of the API: `Heartbeat`. Any API when absent. */
  readonly api?: ApiName | undefined
  readonly nodeId?: number | undefined
  /** Requests that name this group. */
  readonly groupId?: string | undefined
  /** Requests that name this topic; the fault concerns the whole request. */
  readonly topic?: string | undefined
  readonly clientId?: string | undefined
  /** Delays the request by this time (it is handled even if its connection ends meanwhile). */
  readonly delayMs?: number | undefined
  /** Responds with this error instead of handling the request: Kafka's name, */
  readonly error?: ErrorName | undefined
  /** or its number. */
  readonly errorCode?: number | undefined
  /** Cuts the connection before the request is handled, or after it, without a response. */
  readonly disconnect?: 'before' | 'after' | undefined
  /** Handles the request and never responds; the connection stays open and silent. */
  readonly dropAnswer?: boolean | undefined
  /** Sets it in the response, and reads nothing from the connection for that time (KIP-219). */
  readonly throttleTimeMs?: number | undefined
  /**
   * Handles the request and sends what this returns in place of the response: the same object,
   * changed, or another one. It must still be a response that the API's schema can encode.
   */
  readonly alterResponse?: AlterResponse | undefined
  /** How many requests it concerns; all that come when absent. */
  readonly times?: number | undefined
}

/** A rule that was added. */
export interface Fault {
  readonly options: FaultOptions
  /** How many requests it has matched. */
  readonly hits: number
  /** Removes the rule. Safe to call twice. */
  remove(): void
}

/** What the rules look at. */
export interface FaultSubject {
  readonly api: string
  readonly nodeId: number
  readonly clientId: string | null
  readonly groups: () => readonly string[]
  readonly topics: () => readonly string[]
}

/** What is to happen to one request. */
export interface FaultEffect {
  readonly delayMs: number
  readonly errorCode: number | undefined
  readonly disconnect: 'before' | 'after' | undefined
  readonly dropAnswer: boolean
  readonly throttleTimeMs: number
  readonly alterResponse: AlterResponse | undefined
}

class Rule implements Fault {
  readonly options: FaultOptions
  hits = 0
  readonly #rules: Set<Rule>

  constructor(options: FaultOptions, rules: Set<Rule>) {
    this.options = options
    this.#rules = rules
  }

  remove(): void {
    this.#rules.delete(this)
  }
}

const NAMES: readonly (keyof FaultOptions)[] = [
  ...(['api', 'nodeId', 'groupId', 'topic', 'clientId', 'delayMs', 'error', 'errorCode'] as const),
  ...(['disconnect', 'dropAnswer', 'throttleTimeMs', 'alterResponse', 'times'] as const),
]

export class Faults {
  readonly #rules = new Set<Rule>()

  /** Adds a rule. The result removes it. */
  add(options: FaultOptions): Fault {
    check(options)
    const rule = new Rule(options, this.#rules)
    this.#rules.add(rule)
    return rule
  }

  /** Removes all rules. */
  clear(): void {
    this.#rules.clear()
  }

  /** @internal */
  get isEmpty(): boolean {
    return this.#rules.size === 0
  }

  /** @internal The effect of the first rule that fits. */
  match(subject: FaultSubject): FaultEffect | undefined {
    for (const rule of this.#rules) {
      if (!fits(rule.options, subject)) continue
      rule.hits++
      const { options } = rule
      if (options.times !== undefined && rule.hits >= options.times) rule.remove()
      return {
        delayMs: options.delayMs ?? 0,
        errorCode: options.error === undefined ? options.errorCode : ErrorCode[options.error],
        disconnect: options.disconnect,
        dropAnswer: options.dropAnswer ?? false,
        throttleTimeMs: options.throttleTimeMs ?? 0,
        alterResponse: options.alterResponse,
      }
    }
    return undefined
  }
}

function fits(options: FaultOptions, subject: FaultSubject): boolean {
  const { api, nodeId, groupId, topic, clientId } = options
  return (
    (api === undefined || api === subject.api) &&
    (nodeId === undefined || nodeId === subject.nodeId) &&
    (clientId === undefined || clientId === subject.clientId) &&
    (groupId === undefined || subject.groups().includes(groupId)) &&
    (topic === undefined || subject.topics().includes(topic))
  )
}

/** What a rule does; the rest says to which requests. */
const EFFECTS: readonly (keyof FaultOptions)[] = [
  ...(['delayMs', 'error', 'errorCode', 'disconnect', 'dropAnswer', 'throttleTimeMs'] as const),
  'alterResponse',
]

function check(options: FaultOptions): void {
  refuseUnknown(Object.keys(options), NAMES, (name) => `A fault has no "${name}"`)
  const { api, error, errorCode, times, disconnect } = options
  if (api !== undefined) {
    const say = (name: string): string => `A fault names the API "${name}", which does not exist`
    refuseUnknown([api], Object.keys(apis), say)
  }
  if (error !== undefined) {
    const say = (name: string): string => `A fault names the error "${name}", which does not exist`
    refuseUnknown([error], Object.keys(ErrorCode), say)
  }
  if (error !== undefined && errorCode !== undefined) {
    throw new UsageError('A fault takes "error" or "errorCode", not both.')
  }
  if (EFFECTS.every((name) => options[name] === undefined)) {
    throw new UsageError(
      `A fault without an effect would only keep others from the same requests: give it one of ` +
        `${EFFECTS.join(', ')}.`,
    )
  }
  if (times !== undefined && (!Number.isInteger(times) || times < 1)) {
    throw new UsageError('"times" of a fault must be a whole number, 1 or more.')
  }
  const { alterResponse } = options
  if (alterResponse !== undefined && typeof alterResponse !== 'function') {
    throw new UsageError('"alterResponse" of a fault must be a function: (response) => response.')
  }
  if (disconnect !== undefined && disconnect !== 'before' && disconnect !== 'after') {
    throw new UsageError('"disconnect" of a fault must be "before" or "after".')
  }
}
