import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const NIGHTLY = fileURLToPath(new URL('./nightly.js', import.meta.url))
const run = (...args) => spawnSync(process.execPath, [NIGHTLY, ...args], { encoding: 'utf8' })

test('a night plays every combination that is asked for, and adds up', () => {
  const { stdout, status } = run('--only', 'pods calm', '--seeds', '100', '--from', '1')
  assert.equal(status, 0)
  assert.match(stdout, /^Seeds from 1 on/)
  assert.match(stdout, /^pods calm three +2 seeds, 0 failed$/m)
})

test('what is wrong is said in a sentence', () => {
  assert.match(run('--only', 'nothing').stderr, /Nothing is called "nothing"/)
  assert.match(run('--seeds', 'many').stderr, /--seeds, --from and --jobs take whole numbers/)
})
