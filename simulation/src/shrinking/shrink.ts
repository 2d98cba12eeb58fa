/**
 * Makes a run that fails smaller, as long as it goes on failing in the same way: first with fewer
 * faults (delta debugging: halves, then quarters, and so on are left out), then with a smaller
 * cast, then with shorter faults; again from the start until nothing can be left out any more. It
 * only ever tries recipes, so it needs to know nothing of how a run is played.
 */
import type { Fault } from '../plans/fault.ts'
import type { Cast, Recipe } from './recipe.ts'

export interface ShrinkOptions {
  /** Plays a recipe; whether it fails as the first one did. */
  readonly fails: (recipe: Recipe) => Promise<boolean>
  /** At most so many runs. */
  readonly maxRuns: number
}

export interface Shrunk {
  readonly recipe: Recipe
  readonly runs: number
  /** Nothing smaller was found, and everything was tried. */
  readonly isMinimal: boolean
}

/** The recipe must fail. */
export async function shrink(recipe: Recipe, options: ShrinkOptions): Promise<Shrunk> {
  const search = new Search(recipe, options)
  for (;;) {
    const before = search.best
    await search.leaveOutFaults()
    await search.dismissCast()
    await search.shortenFaults()
    if (search.isOver || search.best === before) break
  }
  return { recipe: search.best, runs: search.runs, isMinimal: !search.isOver }
}

class Search {
  best: Recipe
  runs = 0
  readonly #options: ShrinkOptions
  /** What was tried already, in vain. */
  readonly #known = new Set<string>()

  constructor(recipe: Recipe, options: ShrinkOptions) {
    this.best = recipe
    this.#options = options
  }

  get isOver(): boolean {
    return this.runs >= this.#options.maxRuns
  }

  /** Takes it for the best if it fails. */
  async #try(candidate: Recipe): Promise<boolean> {
    const key = JSON.stringify(candidate)
    if (this.isOver || this.#known.has(key)) return false
    this.#known.add(key)
    this.runs++
    if (!(await this.#options.fails(candidate))) return false
    this.best = candidate
    return true
  }

  async leaveOutFaults(): Promise<void> {
    let size = this.best.faults.length
    while (size >= 1 && !this.isOver) {
      let at = 0
      while (at < this.best.faults.length) {
        const { faults } = this.best
        const rest = [...faults.slice(0, at), ...faults.slice(at + size)]
        if (!(await this.#try({ ...this.best, faults: rest }))) at += size
      }
      size = Math.floor(size / 2)
    }
  }

  /** Of each kind as few as will do: by halves at first, then one less. */
  async dismissCast(): Promise<void> {
    for (const kind of ['members', 'writers', 'partitions', 'records'] as const) {
      for (;;) {
        const count = this.best.cast[kind]
        const isSmaller =
          (await this.#tryCast(kind, 1)) ||
          (await this.#tryCast(kind, Math.floor(count / 2))) ||
          (await this.#tryCast(kind, count - (kind === 'records' ? Math.ceil(count / 8) : 1)))
        if (!isSmaller) break
      }
    }
  }

  async #tryCast(kind: keyof Cast, count: number): Promise<boolean> {
    if (count < 1 || count >= this.best.cast[kind]) return false
    return this.#try({ ...this.best, cast: { ...this.best.cast, [kind]: count } })
  }

  async shortenFaults(): Promise<void> {
    for (let at = 0; at < this.best.faults.length; at++) {
      for (const shorter of [shortened, hurried, rarer]) {
        for (;;) {
          const fault = this.best.faults[at]
          const candidate = fault === undefined ? undefined : shorter(fault)
          if (candidate === undefined) break
          const faults = this.best.faults.map((one, index) => (index === at ? candidate : one))
          if (!(await this.#try({ ...this.best, faults }))) break
        }
      }
    }
  }
}

const SHORT_MS = 100

function half(ms: number): number | undefined {
  return ms > SHORT_MS ? Math.max(SHORT_MS, Math.trunc(ms / 2)) : undefined
}

function shortened(fault: Fault): Fault | undefined {
  const forMs = 'forMs' in fault ? half(fault.forMs) : undefined
  // Every lasting fault has this field, and keeps its kind.
  return forMs === undefined ? undefined : ({ ...fault, forMs } as Fault)
}

function hurried(fault: Fault): Fault | undefined {
  if (fault.kind !== 'brokerAnswers' || fault.delayMs === undefined) return undefined
  const delayMs = half(fault.delayMs)
  return delayMs === undefined ? undefined : { ...fault, delayMs }
}

function rarer(fault: Fault): Fault | undefined {
  if (fault.kind !== 'brokerAnswers' || fault.times === 1) return undefined
  return { ...fault, times: Math.trunc(fault.times / 2) }
}
