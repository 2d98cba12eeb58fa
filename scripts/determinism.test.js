// One seed is one history, whatever runs it: the simulation's fingerprints are compared on every Node
// that is there (`node scripts/nodes.js` fetches those that are missing).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NODES, nodeOfMajor } from './nodes.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isHere = (version) => existsSync(join(root, '.cache', 'nodes', version, 'bin', 'node'))

function fingerprintsOf(node, workload, plan) {
  const what = ['--workload', workload, '--plan', plan, '--from', '3', '--seeds', '2', '--hashes']
  const output = execFileSync(node, [join(root, 'simulation', 'dist', 'main.js'), ...what], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  return output.split('\n').filter((line) => /^Seed \d+: /.test(line))
}

for (const [workload, plan] of [
  ['produce-group', 'swarm'],
  ['groups', 'churn'],
]) {
  test(`seeds of ${workload} are the same histories on every Node`, () => {
    const expected = fingerprintsOf(process.execPath, workload, plan)
    assert.equal(expected.length, 2)
    for (const [major, version] of Object.entries(NODES)) {
      if (!isHere(version)) continue
      const found = fingerprintsOf(nodeOfMajor(major), workload, plan)
      assert.deepEqual(found, expected, `Node ${version} and ${process.versions.node} differ`)
    }
  })
}
