/** Runs seeds one after the other, tells of each that fails, and adds up. */
import { realEnvironment } from '@odradek/environment'
import { formatEvent } from '../history/format.ts'
import { type Outcome, simulate } from '../simulate.ts'
import type { Command } from './arguments.ts'

export interface Strays {
  /** Errors that came from nowhere since it was last asked: unhandled rejections and the like. */
  take(): readonly string[]
}

const PROGRESS_EVERY_MS = 10_000

/** How many seeds failed. */
export async function runSeeds(
  command: Command,
  print: (line: string) => void,
  strays: Strays,
): Promise<number> {
  const { clock, timers } = realEnvironment
  const totals = { virtualMs: 0, steps: 0, events: 0, failed: 0 }
  const startedAt = clock.monotonic()
  let progressAt = startedAt + PROGRESS_EVERY_MS
  for (let seed = command.from; seed < command.from + command.seeds; seed++) {
    const outcome = await simulate({
      ...command,
      seed,
      onEvent: command.isTraced ? (event) => print(formatEvent(event)) : undefined,
    })
    // A rejection that nobody handles is told when the real event loop has a turn.
    await timers.turn()
    const astray = strays.take()
    totals.virtualMs += outcome.virtualMs
    totals.steps += outcome.steps
    totals.events += outcome.events.length
    if (outcome.verdicts.length + astray.length > 0) {
      totals.failed++
      report(command, seed, outcome, astray, print)
      if (command.stopsAtFailure) break
    } else if (command.isTraced) print(`Seed ${seed} passed.`)
    if (command.areHashesWanted) print(`Seed ${seed}: ${outcome.hash}`)
    if (clock.monotonic() >= progressAt) {
      progressAt = clock.monotonic() + PROGRESS_EVERY_MS
      print(`... seed ${seed}, ${totals.failed} failed so far`)
    }
  }
  print(summary(command, totals, clock.monotonic() - startedAt))
  return totals.failed
}

function report(
  command: Command,
  seed: number,
  { verdicts, hash }: Outcome,
  astray: readonly string[],
  print: (line: string) => void,
): void {
  print(`Seed ${seed} FAILED (${hash}):`)
  for (const text of astray) print(`  nothing-escapes: an error came from nowhere: ${text}`)
  let last = ''
  for (const { checker, at, text } of verdicts) {
    if (checker.name !== last) print(`  ${checker.name}: ${checker.promise}`)
    last = checker.name
    print(`    at ${(at / 1000).toFixed(3)} s: ${text}`)
  }
  print(`  Replay: ${replayCommand(command, seed)}`)
}

function replayCommand({ workload, plan, profile, nodes }: Command, seed: number): string {
  const count = nodes === undefined ? '' : ` --nodes ${nodes}`
  const what = `--workload ${workload.name} --plan ${plan.name} --profile ${profile.name}${count}`
  return `npm run simulate -- ${what} --from ${seed} --trace`
}

function summary(
  { workload, plan, profile, seeds }: Command,
  totals: { virtualMs: number; steps: number; events: number; failed: number },
  realMs: number,
): string {
  const { virtualMs, steps, events, failed } = totals
  const perSecond = ((seeds / realMs) * 1000).toFixed(1)
  const speed = Math.round(virtualMs / Math.max(1, realMs))
  return [
    `${workload.name}, plan ${plan.name}, profile ${profile.name}: ${seeds} seeds, ${failed} failed.`,
    `${(realMs / 1000).toFixed(1)} s, ${perSecond} seeds/s; ${(virtualMs / 60_000).toFixed(1)} virtual minutes, ${speed} times real time; ${steps} steps, ${events} events.`,
  ].join('\n')
}
