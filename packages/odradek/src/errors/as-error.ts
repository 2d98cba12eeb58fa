/** What was thrown, as an error: user code may throw anything. */
import { shown } from './shown.ts'

export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  const text = typeof thrown === 'string' ? thrown : shown(thrown)
  return new Error(text, { cause: thrown })
}
