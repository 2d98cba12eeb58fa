/** How programs are told what to do (a line each on standard input), and say what they did. */
import { createInterface } from 'node:readline'

/** So long that no commit on an interval falls into a run. */
export const INTERVAL_MS = 300_000

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

let isHolding = false

/** After a seek handlers never return, so that it alone decides what is committed. */
export function held(): Promise<void> {
  return isHolding ? new Promise(() => undefined) : Promise.resolve()
}

/** `seek OFFSET` moves partition 0. Returns when the input ends: it is time to close. */
export async function onCommands(seek: (offset: number) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [, offset] = /^seek (\d+)$/.exec(line) ?? []
    if (offset === undefined) continue
    isHolding = true
    await seek(Number(offset))
    say('sought')
  }
}
