/** What members of the peer stories say, and how they hear that it is time to leave. */
import { once } from 'node:events'

export function say(line: string): void {
  process.stdout.write(`${line.replaceAll('\n', ' ')}\n`)
}

/** A record `block MS` makes its handler compute for so long. */
export function computeIfTold(value: Buffer | null): void {
  const [, ms] = /^block (\d+)$/.exec(String(value)) ?? []
  if (ms === undefined) return
  say('blocking')
  const end = performance.now() + Number(ms)
  while (performance.now() < end);
  say('unblocked')
}

export async function untilInputEnds(): Promise<void> {
  process.stdin.resume()
  await once(process.stdin, 'end')
}
