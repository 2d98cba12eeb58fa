// The mutations of the simulation are up to date, and the tool that tries them out finds two that
// show at once. All of them: npm run simulate -- --mutations.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadMutations, MutableTree, placesOf } from './mutations.js'

const mutations = await loadMutations()
const tree = new MutableTree()
after(() => tree.remove())

test('each mutation finds its places in the compiled client once', () => {
  assert.ok(mutations.length >= 12)
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length)
  for (const mutation of mutations) {
    const stray = placesOf(mutation).findIndex((count) => count !== 1)
    const where = JSON.stringify(mutation.edits[stray], null, 2)
    assert.equal(
      stray,
      -1,
      `${mutation.name} has to follow the client: not there exactly once: ${where}`,
    )
  }
})

for (const [name, checker] of [
  ['commit-on-fetch', 'committed-was-processed'],
  ['break-skips', 'committed-was-processed'],
]) {
  test(`a client that does "${name}" fails within three seeds`, () => {
    const mutation = mutations.find((one) => one.name === name)
    const { seed, checkers } = tree.simulate(mutation, 3)
    assert.notEqual(seed, undefined)
    assert.ok(checkers.includes(checker), checkers.join(', '))
  })
}

test('what failed is made smaller, told, and written down', () => {
  const mutation = mutations.find(({ name }) => name === 'coordinator-for-ever')
  const { report } = tree.simulate(mutation, 10, { shrinks: true })
  assert.match(report, /Shrunk in \d+ runs, nothing more can be left out/)
  assert.match(report, /1 of \d+ faults, 1 of \d+ members, 1 of \d+ writers/)
  assert.match(report, /FAULT +group billing gets another coordinator/)
  assert.match(report, /Replay: npm run simulate -- --replay \S+\.json --trace/)
})

test('what was changed is put back', () => {
  const { workload, plan, profile } = mutations.find(({ name }) => name === 'break-skips')
  assert.equal(tree.simulate({ workload, plan, profile }, 2).seed, undefined)
})
