/** Runs seeds one after the other, tells of each that fails, and adds up. */
import { realEnvironment } from '@odradek/environment'
import { formatEvent } from '../history/format.ts'
import type { Recipe } from '../shrinking/recipe.ts'
import { simulate } from '../simulate.ts'
import type { Command } from './arguments.ts'
import type { Played, Print } from './played.ts'
import { reportShrunk } from './report-shrunk.ts'

export interface Strays {
  /** Errors that came from nowhere since it was last asked: unhandled rejections and the like. */
  take(): readonly string[]
}

const PROGRESS_EVERY_MS = 10_000
/** Seeds that are made smaller, and the runs that this may take: without being asked, and asked. */
const SHRUNK_SEEDS = { unasked: 1, asked: 3 }
const SHRINKING_RUNS = { unasked: 60, asked: 600 }

/** How many seeds failed. */
export async function runSeeds(command: Command, print: Print, strays: Strays): Promise<number> {
  const { clock } = realEnvironment
  const totals = { virtualMs: 0, steps: 0, events: 0, failed: 0 }
  const startedAt = clock.monotonic()
  let progressAt = startedAt + PROGRESS_EVERY_MS
  let shrinkingMs = 0
  for (let seed = command.from; seed < command.from + command.seeds; seed++) {
    const played = await play(command, { seed, ...command.recipe }, strays, print)
    totals.virtualMs += played.virtualMs
    totals.steps += played.steps
    totals.events += played.events.length
    if (isFailure(played)) {
      totals.failed++
      report(command, seed, played, print)
      const before = clock.monotonic()
      await shrinkIfWanted(command, seed, played, { print, strays, failed: totals.failed })
      shrinkingMs += clock.monotonic() - before
      if (command.stopsAtFailure) break
    } else if (command.isTraced) print(`Seed ${seed} passed.`)
    if (command.areHashesWanted) print(`Seed ${seed}: ${played.hash()}`)
    if (clock.monotonic() >= progressAt) {
      progressAt = clock.monotonic() + PROGRESS_EVERY_MS
      print(`... seed ${seed}, ${totals.failed} failed so far`)
    }
  }
  print(summary(command, totals, clock.monotonic() - startedAt - shrinkingMs))
  return totals.failed
}

type Part = Pick<Recipe, 'seed'> & Partial<Pick<Recipe, 'cast' | 'faults'>>

async function play(
  command: Command,
  { seed, cast, faults }: Part,
  strays: Strays,
  print?: Print,
): Promise<Played> {
  const isTraced = command.isTraced && print !== undefined
  const onEvent: Parameters<typeof simulate>[0]['onEvent'] = isTraced
    ? (event) => print(formatEvent(event))
    : undefined
  const outcome = await simulate({ ...command, seed, cast, faults, onEvent })
  // A rejection that nobody handles is told when the real event loop has a turn.
  await realEnvironment.timers.turn()
  return { ...outcome, astray: strays.take() }
}

function isFailure({ verdicts, astray }: Played): boolean {
  return verdicts.length + astray.length > 0
}

async function shrinkIfWanted(
  command: Command,
  seed: number,
  played: Played,
  { print, strays, failed }: { print: Print; strays: Strays; failed: number },
): Promise<void> {
  const isAsked = command.shrinks === true
  const how = isAsked ? 'asked' : 'unasked'
  // Who looks at one run, or at a run that is shrunk already, has seen enough.
  const isUnwanted = command.shrinks === false || (!isAsked && command.isTraced)
  if (isUnwanted || failed > SHRUNK_SEEDS[how]) return
  const { workload, plan, profile, nodes } = command
  const recipe: Recipe = {
    ...{ workload: workload.name, plan: plan.name, profile: profile.name, nodes, seed },
    ...{ cast: played.cast, faults: played.faults },
  }
  await reportShrunk(recipe, played, {
    print,
    maxRuns: SHRINKING_RUNS[how],
    play: (smaller) => play(command, smaller, strays),
  })
}

function report(
  command: Command,
  seed: number,
  { verdicts, hash, astray }: Played,
  print: Print,
): void {
  print(`Seed ${seed} FAILED (${hash()}):`)
  for (const text of astray) print(`  nothing-escapes: an error came from nowhere: ${text}`)
  let last = ''
  for (const { checker, at, text } of verdicts) {
    if (checker.name !== last) print(`  ${checker.name}: ${checker.promise}`)
    last = checker.name
    print(`    at ${(at / 1000).toFixed(3)} s: ${text}`)
  }
  if (command.recipe === undefined) print(`  Replay: ${replayCommand(command, seed)}`)
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
