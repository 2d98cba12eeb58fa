import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PAGE, render } from './configuration.js'

test('docs/configuration.md says what the tables of options say', async () => {
  const page = readFileSync(PAGE, 'utf8')
  assert.equal(page, await render(), 'stale: run `node scripts/configuration.js`')
})
