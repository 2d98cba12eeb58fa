import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

test('docs/rules.md names tests that there are, and has every rule', () => {
  const page = readFileSync(join(root, 'docs', 'rules.md'), 'utf8')
  const named = [...page.matchAll(/`([\w./-]+\.test\.ts)`: (.+?)(?=<br>| \|\n)/g)]
  assert.ok(named.length > 100, `${named.length} tests are named`)
  const gone = named.filter(
    ([, file, name]) => !readFileSync(join(root, file), 'utf8').includes(name),
  )
  assert.deepEqual(
    gone.map(([, file, name]) => `${file}: ${name}`),
    [],
  )
  for (let rule = 1; rule <= 40; rule++) assert.match(page, new RegExp(`^\\| S${rule} \\|`, 'm'))
})
