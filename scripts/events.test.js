import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const names = join(root, 'packages', 'odradek', 'dist', 'esm', 'events', 'event-names.js')

test('docs/events.md has every event, and none that there is not', async () => {
  const { EVENT_NAMES } = await import(pathToFileURL(names).href)
  const page = readFileSync(join(root, 'docs', 'events.md'), 'utf8')
  const told = [...page.matchAll(/^\| `(\w+)`[^|]*\| ([^|]+)\| ([^|]+)\| ([^|]+)\|$/gm)]
  assert.deepEqual(told.map(([, name]) => name).sort(), [...EVENT_NAMES].sort())
})

test('docs/events.md names the fields that each event has', () => {
  const source = readFileSync(
    join(root, 'packages', 'odradek', 'src', 'events', 'client-events.ts'),
    'utf8',
  )
  const page = readFileSync(join(root, 'docs', 'events.md'), 'utf8')
  for (const [, name, , carries] of page.matchAll(
    /^\| `(\w+)`[^|]*\| ([^|]+)\| ([^|]+)\| ([^|]+)\|$/gm,
  )) {
    const declared = new RegExp(
      `^  ${name}: ([^]*?)^  (?:/\\*\\*|\\w+:)|^  ${name}: ([^]*?)^}`,
      'm',
    )
    const text = declared.exec(source)?.[0] ?? ''
    if (!text.includes('{')) continue
    const fields = [...text.matchAll(/readonly (\w+)\??:/g)].map(([, field]) => field)
    for (const field of fields.filter((one) => !NESTED.has(`${name}.${one}`))) {
      assert.ok(carries.includes(`\`${field}`), `${name} carries ${field}`)
    }
  }
})

/** Fields of fields. */
const NESTED = new Set(['committed.offset', 'eventLoopBlocked.offset'])
