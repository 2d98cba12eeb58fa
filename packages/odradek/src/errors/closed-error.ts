import { UsageError } from './errors.ts'

/** What every call on something that was closed rejects or throws with. */
export function closedError(what: string, cause?: unknown): UsageError {
  return new UsageError(`This ${what} is closed; make a new one.`, { code: 'CLOSED', cause })
}
