/**
 * Calls about several named things at once. Each thing succeeds or fails for itself: what may
 * succeed later is asked again (it alone), what is done stays done, and the caller gets a map of
 * all, or one error that holds every result.
 */
import { KafkaError, ProtocolError } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { PartialError, UsageError } from '../errors/errors.ts'
import { reactionTo } from '../errors/reaction.ts'
import { shown } from '../errors/shown.ts'

export interface CallOptions {
  /** How long the call may take with all its retries, ms. Default `defaultApiTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  /** Ends the call early; it rejects with the signal's reason. What was asked may still happen. */
  readonly signal?: AbortSignal | undefined
}

export type ItemResults<T> = ReadonlyMap<string, T | KafkaError>

export interface ItemCall<T> extends CallOptions {
  readonly cluster: Cluster
  /** What is tried, as the end of "Could not ...". */
  readonly action: string
  readonly items: readonly string[]
  /** One attempt at the items that are left. An item without a result is asked again. */
  readonly attempt: (items: readonly string[]) => Promise<ItemResults<T>>
}

/** Every item's value, or the error of the only item, or a `PartialError`. */
export async function callForItems<T>(call: ItemCall<T>): Promise<ReadonlyMap<string, T>> {
  const { cluster, action, items, attempt, timeoutMs, signal } = call
  const settled = new Map<string, T | KafkaError>()
  const tryRest = async (): Promise<void> => {
    const rest = items.filter((item) => !settled.has(item))
    const results = await attempt(rest)
    let again: KafkaError | undefined
    for (const item of rest) {
      const result = results.get(item)
      if (result instanceof KafkaError && reactionTo(result, { isRead: true }).retry) {
        again ??= result
      } else if (result !== undefined || results.has(item)) settled.set(item, result as T)
      else {
        const text = `A broker left "${item}" out of its response`
        again ??= new ProtocolError(text, { retriable: true })
      }
    }
    if (again !== undefined) throw again
  }
  try {
    await cluster.retry(tryRest, { action, timeoutMs, signal })
  } catch (error) {
    const isWhole = !(error instanceof KafkaError) || error instanceof UsageError
    if (isWhole || signal?.aborted === true || settled.size === 0) throw error
    for (const item of items) if (!settled.has(item)) settled.set(item, error)
  }
  const values = new Map<string, T>()
  let failure: KafkaError | undefined
  // In the order in which the caller named them.
  for (const item of items) {
    const result = settled.get(item)
    if (result instanceof KafkaError) failure ??= result
    else values.set(item, result as T)
  }
  if (failure === undefined) return values
  if (items.length === 1) throw failure
  throw new PartialError(
    `Could not ${action}`,
    new Map(items.map((one) => [one, settled.get(one)])),
  )
}

/** What the caller named, each once; refuses an empty or wrong list. */
export function namesOf(given: unknown, what: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? (given as readonly unknown[]) : [given]
  for (const name of list) {
    if (typeof name !== 'string' || name === '') {
      throw new UsageError(`${what} takes a list of names; ${shown(name)} is none.`)
    }
  }
  return [...new Set(list as readonly string[])]
}
