/** What was thrown, as an error: user code may throw anything. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  const text = typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? typeof thrown)
  return new Error(text, { cause: thrown })
}
