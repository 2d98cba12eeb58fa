/** Shrinking alone, on runs that only claim to fail; and on runs that are played. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PLANS } from '../plans/plan.ts'
import type { Fault } from '../plans/fault.ts'
import { PROFILES } from '../profiles/profile.ts'
import { type Outcome, simulate } from '../simulate.ts'
import { WORKLOADS } from '../workloads/index.ts'
import { formatRecipe, type Recipe, readRecipe } from './recipe.ts'
import { shrink } from './shrink.ts'

const pause = (member: string, forMs: number): Fault => ({
  ...{ kind: 'memberPause', atMs: 1000, forMs, member },
})

const RECIPE: Recipe = {
  ...{ workload: 'groups', plan: 'pauses', profile: 'three', seed: 1 },
  cast: { members: 8, writers: 3, partitions: 24, records: 150 },
  faults: Array.from({ length: 9 }, (_, index) => pause(`member-${index + 1}`, 8000)),
}

const membersOf = ({ faults }: Recipe): readonly string[] =>
  faults.map((fault) => ('member' in fault ? fault.member : ''))

test('what a failure does not need is left out, and what it needs stays', async () => {
  const { recipe, isMinimal } = await shrink(RECIPE, {
    maxRuns: 1000,
    fails: async (candidate) => {
      const paused = membersOf(candidate)
      const { members, records } = candidate.cast
      const isLong = candidate.faults.every((fault) => 'forMs' in fault && fault.forMs > 1000)
      const isThere = paused.includes('member-3') && paused.includes('member-8')
      return isThere && isLong && members >= 3 && records >= 20
    },
  })
  assert.ok(isMinimal)
  assert.deepEqual(membersOf(recipe), ['member-3', 'member-8'])
  assert.deepEqual(
    recipe.faults.map((fault) => 'forMs' in fault && fault.forMs),
    [2000, 2000],
  )
  assert.deepEqual(
    { ...recipe.cast, records: 0 },
    {
      ...{ members: 3, writers: 1, partitions: 1, records: 0 },
    },
  )
  assert.ok(recipe.cast.records >= 20 && recipe.cast.records <= 22)
})

test('it ends when its runs are used up, with the smallest run that failed', async () => {
  let runs = 0
  const shrunk = await shrink(RECIPE, {
    maxRuns: 3,
    fails: async (candidate) => {
      runs++
      return membersOf(candidate).includes('member-9')
    },
  })
  assert.equal(runs, 3)
  assert.equal(shrunk.isMinimal, false)
  assert.ok(shrunk.recipe.faults.length < 9)
  assert.ok(membersOf(shrunk.recipe).includes('member-9'))
})

function named<T extends { readonly name: string }>(name: string, known: readonly T[]): T {
  const found = known.find((one) => one.name === name)
  assert.ok(found)
  return found
}

function play({ workload, plan, profile, ...rest }: Partial<Recipe>): Promise<Outcome> {
  return simulate({
    seed: 1,
    ...rest,
    workload: named(workload ?? '', WORKLOADS),
    plan: named(plan ?? '', PLANS),
    profile: named(profile ?? '', PROFILES),
  })
}

test('a run with everything its seed decided is the run of the seed', async () => {
  const named = { workload: 'groups', plan: 'swarm', profile: 'three', seed: 7 }
  const seeded = await play(named)
  const { cast, faults } = seeded
  assert.ok(faults.length > 0)
  assert.equal((await play({ ...named, cast, faults })).hash(), seeded.hash())
})

test('a played run is shrunk to what it needs, and its file plays the same again', async () => {
  const loses = ({ events }: Outcome): boolean => events.some(({ type }) => type === 'lost')
  // Which seed has such a run depends on every line of the client.
  let seed = 0
  let found: Outcome | undefined
  while (found === undefined) {
    assert.ok(seed < 50, 'in none of 50 runs a partition was lost')
    const run = await play({ workload: 'groups', plan: 'churn', profile: 'three', seed: ++seed })
    if (loses(run) && run.faults.length > 1) found = run
  }
  const named = { workload: 'groups', plan: 'churn', profile: 'three', seed }
  const { cast, faults } = found
  let hash = ''
  const { recipe } = await shrink(
    { ...named, cast, faults },
    {
      maxRuns: 30,
      fails: async (candidate) => {
        const played = await play(candidate)
        if (loses(played)) hash = played.hash()
        return loses(played)
      },
    },
  )
  assert.equal(recipe.faults.length, 1)
  assert.ok(recipe.cast.records < cast.records)
  const read = readRecipe(formatRecipe(recipe))
  assert.deepEqual(read, recipe)
  assert.equal((await play(read ?? {})).hash(), hash)
})
