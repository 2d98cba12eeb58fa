import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRecipe, type Recipe } from '../shrinking/recipe.ts'
import { CommandError, readArguments, usage } from './arguments.ts'

const RECIPE: Recipe = {
  ...{ workload: 'groups', plan: 'kill', profile: 'slow', seed: 14 },
  cast: { members: 2, writers: 1, partitions: 3, records: 10 },
  faults: [
    { kind: 'memberPause', atMs: 4000, forMs: 900, member: 'member-2' },
    { kind: 'connectionLoss', atMs: 5000, how: 'reset', client: 'member-1', nodeId: 1 },
  ],
}

function complaint(...argv: readonly string[]): string {
  try {
    readArguments(argv)
  } catch (error) {
    assert.ok(error instanceof CommandError)
    return error.message
  }
  return ''
}

test('without options one seed of the first workload runs, in its own plan and profile', () => {
  const { workload, plan, profile, seeds, from, nodes, isTraced } = readArguments([])
  assert.equal(workload.name, 'produce-group')
  assert.equal(plan.name, 'restart')
  assert.equal(profile.name, 'three')
  assert.deepEqual(
    { seeds, from, nodes, isTraced },
    {
      ...{ seeds: 1, from: 1, nodes: undefined, isTraced: false },
    },
  )
})

test('options say otherwise', () => {
  const argv = '--workload groups --plan kill --profile slow --seeds 20 --from 7 --nodes 5 --trace'
  const command = readArguments(argv.split(' '))
  assert.equal(command.workload.name, 'groups')
  assert.equal(command.plan.name, 'kill')
  assert.equal(command.profile.name, 'slow')
  const { seeds, from, nodes, isTraced } = command
  assert.deepEqual(
    { seeds, from, nodes, isTraced },
    {
      ...{ seeds: 20, from: 7, nodes: 5, isTraced: true },
    },
  )
})

test('failing runs are made smaller as it is asked, and played again from their file', () => {
  assert.equal(readArguments([]).shrinks, undefined)
  assert.equal(readArguments(['--shrink']).shrinks, true)
  assert.equal(readArguments(['--no-shrink']).shrinks, false)
  const replay = (text: string) => readArguments(['--replay', 'run.json'], () => text)
  const command = replay(formatRecipe(RECIPE))
  assert.deepEqual(command.recipe, RECIPE)
  assert.equal(command.workload.name, 'groups')
  assert.equal(command.plan.name, 'kill')
  assert.equal(command.from, 14)
  assert.match(complaint('--replay', 'nowhere.json'), /takes a file that can be read/)
  assert.throws(() => replay('{}'), /is no run/)
})

test('what is wrong is said in a sentence', () => {
  assert.match(complaint('--sedes', '5'), /Unknown option '--sedes'.* There are --workload, --plan/)
  assert.match(
    complaint('--workload', 'none'),
    /no workload "none"; there are produce-group, groups, pods/,
  )
  assert.match(complaint('--plan', 'none'), /no plan "none"; there are calm, restart/)
  assert.match(complaint('--profile', 'none'), /no profile "none"; there are single, three/)
  assert.match(complaint('--seeds', 'many'), /--seeds takes a whole number from 1 on/)
  assert.match(complaint('--seeds', '0'), /given "0"/)
  assert.match(complaint('--seeds'), /--seeds/)
  assert.match(complaint('here'), /here/)
})

test('the help names every workload, plan and profile', () => {
  for (const name of ['produce-group', 'groups', 'swarm', 'managed']) {
    assert.match(usage(), new RegExp(`^ {2}${name} `, 'm'))
  }
})
