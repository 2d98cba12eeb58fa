/** Any value in a message for people: as JSON, which knows neither bigints nor functions. */
export function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  const text = JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'bigint' ? `${one}n` : one,
  ) as string | undefined
  return text ?? String(value)
}
