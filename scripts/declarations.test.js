// The declaration files are what users' compilers read, and `stripInternal` takes out of them what is
// marked as internal: none may name what is gone. Users who check libraries see each such error.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { packages, root } from './pack.js'

test('declaration files stand on their own', () => {
  const entries = packages.flatMap(({ folder, manifest }) =>
    Object.values(manifest.exports).flatMap((conditions) =>
      ['import', 'require']
        .map((kind) => conditions?.[kind]?.types)
        .filter((types) => types !== undefined)
        .map((types) => relative(root, join(folder, types))),
    ),
  )
  assert.ok(entries.length >= packages.length, `${entries.length} entries`)
  const options = [
    '--noEmit',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
    'false',
  ]
  const where = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--ignoreConfig']
  let said = ''
  try {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    execFileSync(process.execPath, [compiler, ...options, ...where, ...entries], {
      cwd: root,
      encoding: 'utf8',
    })
  } catch (error) {
    said = `${error.stdout}${error.stderr}`
  }
  assert.equal(said, '')
})
