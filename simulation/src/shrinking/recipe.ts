/**
 * A run as data: all that decides it, beside the code. A seed alone says everything, too, but only
 * a recipe can say less than its seed does: fewer faults, and a smaller cast.
 */
import type { Fault } from '../plans/fault.ts'
import type { Scene } from '../plans/scene.ts'

/** How much of the seed's cast plays. */
export interface Cast {
  readonly members: number
  readonly writers: number
  /** Of each topic, at most so many. */
  readonly partitions: number
  /** Of each writer, at most so many. */
  readonly records: number
}

export interface Recipe {
  readonly workload: string
  readonly plan: string
  readonly profile: string
  readonly nodes?: number | undefined
  readonly seed: number
  readonly cast: Cast
  readonly faults: readonly Fault[]
}

export function castOf({ members, writers, topics, records }: Scene): Cast {
  return {
    members: members.length,
    writers: writers.length,
    partitions: Math.max(...Object.values(topics)),
    records,
  }
}

/** The scene with the smaller cast. What it leaves out is as if it had never been there. */
export function trim(scene: Scene, { members, writers, partitions, records }: Cast): Scene {
  return {
    ...scene,
    members: scene.members.slice(0, members),
    writers: scene.writers.slice(0, writers),
    topics: Object.fromEntries(
      Object.entries(scene.topics).map(([name, count]) => [name, Math.min(count, partitions)]),
    ),
    records: Math.min(records, scene.records),
  }
}

/** Whether everything that a fault names is in the scene. */
export function concerns(fault: Fault, { members, writers, topics }: Scene): boolean {
  if ('member' in fault && !members.includes(fault.member)) return false
  if ('client' in fault && ![...members, ...writers].includes(fault.client)) return false
  return !('partition' in fault) || fault.partition < (topics[fault.topic] ?? 0)
}

const FIELDS = ['workload', 'plan', 'profile', 'seed', 'cast', 'faults']

/** What a file says, or undefined when it is no recipe. */
export function readRecipe(text: string): Recipe | undefined {
  try {
    const recipe = JSON.parse(text) as Recipe
    const isWhole = FIELDS.every((field) => field in recipe) && Array.isArray(recipe.faults)
    return isWhole ? recipe : undefined
  } catch {
    return undefined
  }
}

/** For people and for files: one fault a line. */
export function formatRecipe({ faults, ...recipe }: Recipe): string {
  const head = JSON.stringify(recipe, null, 2).slice(0, -2)
  const lines = faults.map((fault) => `    ${JSON.stringify(fault)}`)
  const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n  ]`
  return `${head},\n  "faults": ${list}\n}\n`
}
