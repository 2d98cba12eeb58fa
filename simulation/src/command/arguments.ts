/** What the command line asks for, or a sentence that says what is wrong with it. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { PLANS } from '../plans/plan.ts'
import type { Plan } from '../plans/plan.ts'
import { PROFILES } from '../profiles/profile.ts'
import type { Profile } from '../profiles/profile.ts'
import { readRecipe, type Recipe } from '../shrinking/recipe.ts'
import { WORKLOADS } from '../workloads/index.ts'
import type { Workload } from '../workloads/workload.ts'

export interface Command {
  readonly workload: Workload
  readonly plan: Plan
  readonly profile: Profile
  readonly nodes: number | undefined
  readonly from: number
  readonly seeds: number
  readonly isTraced: boolean
  /** Tell the fingerprint of every seed. */
  readonly areHashesWanted: boolean
  /** The first seed that fails is the last. */
  readonly stopsAtFailure: boolean
  /** Make failing runs smaller: of the first seed that fails, and quickly, when undefined. */
  readonly shrinks: boolean | undefined
  /** One run that is less than its seed, instead of seeds. */
  readonly recipe: Recipe | undefined
  readonly isHelp: boolean
}

/** The caller's mistake; its message is all there is to say. */
export class CommandError extends Error {}

const OPTIONS = {
  workload: { type: 'string', default: 'produce-group' },
  plan: { type: 'string' },
  profile: { type: 'string' },
  seeds: { type: 'string', default: '1' },
  from: { type: 'string', default: '1' },
  nodes: { type: 'string' },
  trace: { type: 'boolean', default: false },
  hashes: { type: 'boolean', default: false },
  bail: { type: 'boolean', default: false },
  shrink: { type: 'boolean' },
  replay: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

type ReadText = (path: string) => string

export function readArguments(
  argv: readonly string[],
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
): Command {
  const { values: given } = parse(argv)
  const recipe = given.replay === undefined ? undefined : recipeAt(given.replay, readText)
  const values = recipe === undefined ? given : { ...given, ...argumentsOf(recipe) }
  const workload = named('workload', values.workload, WORKLOADS)
  const nodes = values.nodes === undefined ? undefined : count('nodes', values.nodes)
  return {
    workload,
    plan: named('plan', values.plan ?? workload.plan, PLANS),
    profile: named('profile', values.profile ?? workload.profile, PROFILES),
    nodes,
    from: count('from', values.from),
    seeds: count('seeds', values.seeds),
    isTraced: values.trace,
    areHashesWanted: values.hashes,
    stopsAtFailure: values.bail,
    shrinks: values.shrink,
    recipe,
    isHelp: values.help,
  }
}

function argumentsOf({ workload, plan, profile, nodes, seed }: Recipe) {
  const count = nodes === undefined ? undefined : String(nodes)
  return { workload, plan, profile, nodes: count, from: String(seed), seeds: '1', shrink: false }
}

function recipeAt(path: string, readText: ReadText): Recipe {
  let recipe: Recipe | undefined
  try {
    recipe = readRecipe(readText(path))
  } catch (error) {
    throw new CommandError(`--replay takes a file that can be read: ${(error as Error).message}`)
  }
  if (recipe !== undefined) return recipe
  throw new CommandError(`${path} is no run: it should be what a failing run has written.`)
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowNegative: true })
  } catch (error) {
    const { code } = error as { readonly code?: string }
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    const known = Object.keys(OPTIONS).map((name) => `--${name}`)
    const [said = ''] = (error as Error).message.split('. ')
    throw new CommandError(`${said}. There are ${known.join(', ')}.`)
  }
}

function named<T extends { readonly name: string }>(
  what: string,
  name: string,
  known: readonly T[],
): T {
  const found = known.find((one) => one.name === name)
  if (found !== undefined) return found
  const names = known.map((one) => one.name).join(', ')
  throw new CommandError(`There is no ${what} "${name}"; there are ${names}.`)
}

const MAX_COUNT = 0xffff_ffff

function count(what: string, text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_COUNT) return value
  throw new CommandError(`--${what} takes a whole number from 1 on; it was given "${text}".`)
}

export function usage(): string {
  const table = (title: string, rows: readonly { name: string; text: string }[]): string =>
    [`${title}:`, ...rows.map(({ name, text }) => `  ${name.padEnd(14)} ${text}`)].join('\n')
  return [
    'npm run simulate -- [--workload NAME] [--plan NAME] [--profile NAME] [--nodes N]',
    '                    [--seeds N] [--from SEED] [--trace] [--hashes] [--bail] [--[no-]shrink]',
    'npm run simulate -- --replay FILE [--trace]',
    'npm run simulate -- --mutations [--only NAME] [--seeds N] [--shrink]',
    '',
    'Runs seeds one after the other; exits with 1 when one fails. --trace prints who did what, and',
    'when; --hashes prints the fingerprint of every seed; --bail ends with the first that fails.',
    'The first seed that fails is made smaller, and what is left of it written to a file, which',
    '--replay plays; --shrink does so with several seeds and more patience, --no-shrink never.',
    '--mutations puts bugs into copies of the client, one at a time, and exits with 1 when the',
    'checkers miss one of them.',
    '',
    table('Workloads', WORKLOADS),
    table('Plans', PLANS),
    table('Profiles', PROFILES),
  ].join('\n')
}
