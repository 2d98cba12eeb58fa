/**
 * A few seeds of every workload and plan, so that each change is tried against each kind of
 * misfortune; many more run by `npm run simulate`. What seeds have found is in `regressions/`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge } from './checkers/index.ts'
import { PLANS } from './plans/plan.ts'
import { PROFILES } from './profiles/profile.ts'
import { type Outcome, simulate } from './simulate.ts'
import { WORKLOADS } from './workloads/index.ts'

interface Run {
  readonly workload: string
  readonly plan: string
  readonly profile: string
  readonly seed: number
}

function named<T extends { readonly name: string }>(name: string, known: readonly T[]): T {
  const found = known.find((one) => one.name === name)
  assert.ok(found, `${name} is one of ${known.map((one) => one.name).join(', ')}`)
  return found
}

function play({ workload, plan, profile, seed }: Run): Promise<Outcome> {
  return simulate({
    seed,
    workload: named(workload, WORKLOADS),
    plan: named(plan, PLANS),
    profile: named(profile, PROFILES),
  })
}

async function pass(run: Run): Promise<void> {
  const { verdicts } = await play(run)
  const found = verdicts.map(({ checker, at, text }) => `${checker.name} at ${at} ms: ${text}`)
  const { workload, plan, profile, seed } = run
  const how = `--workload ${workload} --plan ${plan} --profile ${profile} --from ${seed} --trace`
  assert.deepEqual(found, [], `replay with: npm run simulate -- ${how}`)
}

const PROFILES_IN_TURN = ['three', 'managed', 'single', 'slow']
const SEED = 41
/** What is the same as in other workloads is tried there: plans that concern groups, and a few. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  'exactly-once': ['restart', 'deaths', 'answers', 'churn'],
  'exactly-once-before-4': ['moves', 'answers', 'pauses', 'churn'],
  'share-group': ['restart', 'moves', 'pauses', 'answers', 'retention', 'churn', 'swarm'],
  starts: ['growth', 'churn', 'clocks', 'swarm'],
  collectors: ['restart', 'deaths', 'answers', 'churn', 'swarm'],
  'consumer-collectors': ['pauses', 'moves', 'silence', 'churn', 'swarm'],
  idlers: ['pauses', 'deaths', 'churn', 'swarm'],
  'consumer-idlers': ['restart', 'moves', 'churn', 'swarm'],
  'share-idlers': ['restart', 'answers', 'churn', 'swarm'],
  'consumer-groups': ['pauses', 'moves', 'answers', 'growth', 'churn', 'swarm'],
}

for (const { name: workload } of WORKLOADS) {
  PLANS.forEach(({ name: plan }, index) => {
    // The crowd has a stage of CI to itself.
    if (workload === 'crowd' && plan !== 'crowd' && plan !== 'swarm') return
    if (ONLY[workload]?.includes(plan) === false) return
    const profile = PROFILES_IN_TURN[index % PROFILES_IN_TURN.length] ?? 'three'
    test(`${workload} in the plan ${plan} on the profile ${profile}`, () =>
      pass({ workload, plan, profile, seed: SEED + index }))
  })
}

test('the same seed is the same history, and another seed another', async () => {
  const run: Run = { workload: 'groups', plan: 'swarm', profile: 'three', seed: 5 }
  const [first, again, other] = [await play(run), await play(run), await play({ ...run, seed: 6 })]
  assert.equal(again.hash(), first.hash())
  assert.deepEqual(again.events, first.events)
  assert.notEqual(other.hash(), first.hash())
})

test('a run whose client loses records does not pass', async () => {
  const run: Run = { workload: 'produce-group', plan: 'calm', profile: 'three', seed: 1 }
  const workload = named(run.workload, WORKLOADS)
  const { events } = await play(run)
  assert.deepEqual(judge(events, workload.bounds), [])
  const doctored = events.filter((event) => event.type !== 'processed' || event.offset !== 3)
  const names = new Set(judge(doctored, workload.bounds).map(({ checker }) => checker.name))
  assert.deepEqual([...names], ['committed-was-processed', 'acknowledged-is-delivered'])
})
