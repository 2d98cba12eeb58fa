/** Makes a run that failed smaller, and tells what is left of it so that a person can read it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { excerptOf } from '../shrinking/excerpt.ts'
import { formatRecipe, type Recipe } from '../shrinking/recipe.ts'
import { shrink } from '../shrinking/shrink.ts'
import type { Played, Print } from './played.ts'

export interface ReportTools {
  readonly print: Print
  readonly maxRuns: number
  readonly play: (recipe: Recipe) => Promise<Played>
}

const FOLDER = fileURLToPath(new URL('../../../.cache/simulation/', import.meta.url))

export async function reportShrunk(
  recipe: Recipe,
  played: Played,
  { print, maxRuns, play }: ReportTools,
): Promise<void> {
  const broken = promiseBrokenIn(played)
  let smallest = played
  const shrunk = await shrink(recipe, {
    maxRuns,
    fails: async (candidate) => {
      const outcome = await play(candidate)
      const isSame =
        promiseBrokenIn(outcome) === broken ||
        outcome.verdicts.some(({ checker }) => checker.name === broken)
      if (isSame) smallest = outcome
      return isSame
    },
  })
  const rest = shrunk.isMinimal ? 'nothing more can be left out' : 'there may be less to it'
  print(`  Shrunk in ${shrunk.runs} runs, ${rest}:`)
  print(`    ${comparison(recipe, shrunk.recipe)}`)
  for (const fault of shrunk.recipe.faults) {
    const { kind, atMs, ...how } = fault
    print(`    ${kind} ${(atMs / 1000).toFixed(3)} s into it: ${JSON.stringify(how)}`)
  }
  const verdict = smallest.verdicts.find(({ checker }) => checker.name === broken)
  if (verdict !== undefined) {
    print(`  ${broken}: ${verdict.text}`)
    for (const line of excerptOf(smallest.events, verdict)) print(`    ${line}`)
  }
  const path = write(shrunk.recipe)
  print(`  Replay: npm run simulate -- --replay ${path} --trace`)
}

function promiseBrokenIn({ verdicts, astray }: Played): string | undefined {
  return astray.length > 0 ? 'nothing-escapes' : verdicts[0]?.checker.name
}

function comparison(whole: Recipe, rest: Recipe): string {
  const counts = (['members', 'writers', 'partitions', 'records'] as const).map(
    (kind) => `${rest.cast[kind]} of ${whole.cast[kind]} ${kind}`,
  )
  const faults = `${rest.faults.length} of ${whole.faults.length} faults`
  return [faults, ...counts].join(', ')
}

/** Its path, as seen from where the command was given. */
function write(recipe: Recipe): string {
  const { workload, plan, profile, seed } = recipe
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, `${workload}-${plan}-${profile}-${seed}.json`)
  writeFileSync(path, formatRecipe(recipe))
  return relative(process.cwd(), path)
}
