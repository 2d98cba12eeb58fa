/**
 * Who is calling: the functions on the stack, and those that await them. It tells whether `close()`
 * was called by the very code that has a record in hand, which close would wait for. Nothing but
 * the stack knows, and V8 writes it down well enough: a function by the place where it begins, an
 * asynchronous one that is suspended included, as long as functions await each other (and do not
 * wait for a callback). It is looked at once for each loop and each close, never for a record.
 *
 * Whoever is not recognised is waited for, up to the time that `close` has: nothing breaks then.
 */

/** A function on the stack. */
export interface Caller {
  readonly name: string | null
  /** Where it begins; undefined when the runtime does not tell. */
  readonly place: string | undefined
}

/** What V8 has of a call. */
interface CallSite {
  getFunctionName(): string | null
  getFileName(): string | null | undefined
  getEnclosingLineNumber?(): number
  getEnclosingColumnNumber?(): number
}

/** Enough to come through frameworks. */
const MAX_FRAMES = 100

/** Innermost first; empty when the runtime does not tell, or somebody has frozen `Error`. */
export function callers(): readonly Caller[] {
  // oxlint-disable-next-line typescript/unbound-method -- it is put back, never called.
  const { prepareStackTrace, stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = MAX_FRAMES
    Error.prepareStackTrace = (_error, sites) => sites
    const holder: { readonly stack?: readonly CallSite[] } = {}
    Error.captureStackTrace(holder, callers)
    return (holder.stack ?? []).map((site) => ({
      name: site.getFunctionName(),
      place: placeOf(site),
    }))
  } catch {
    return []
  } finally {
    restore(prepareStackTrace, stackTraceLimit)
  }
}

function restore(prepareStackTrace: typeof Error.prepareStackTrace, stackTraceLimit: number): void {
  try {
    Error.stackTraceLimit = stackTraceLimit
    Error.prepareStackTrace = prepareStackTrace
  } catch {
    // It is frozen, so it was never changed.
  }
}

function placeOf(site: CallSite): string | undefined {
  const line = site.getEnclosingLineNumber?.()
  const column = site.getEnclosingColumnNumber?.()
  const file = site.getFileName()
  if (line === undefined || column === undefined || !file) return undefined
  return `${file}:${line}:${column}`
}

/** The same function under a name by which the stack shows it. */
export function named<F extends (...given: never[]) => unknown>(name: string, work: F): F {
  return Object.defineProperty(work, 'name', { value: name })
}
