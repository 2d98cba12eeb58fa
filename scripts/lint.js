// Everything that can be said about the code without running it: types (by the build), oxlint with
// type-aware rules, Biome's formatting, and the shape of the packages as users will install them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
let failed = false

function check(name, command, args, cwd = root) {
  const started = Date.now()
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' })
  const ok = result.status === 0
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name} (${Date.now() - started} ms)\n`)
  if (!ok) {
    failed = true
    process.stdout.write(`${result.stdout ?? ''}${result.stderr ?? ''}\n`)
  }
}

const bin = (name) => join(root, 'node_modules', '.bin', name)
check('format', bin('biome'), ['format', '.'])
check('lint', bin('oxlint'), [
  '--type-aware',
  '--deny-warnings',
  'packages',
  'simulation',
  'conformance',
  'benchmarks',
  'examples',
])

if (process.argv.includes('--packages')) {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-pack-'))
  for (const name of readdirSync(join(root, 'packages'))) {
    const cwd = join(root, 'packages', name)
    check(`pack ${name}`, 'npm', ['pack', '--pack-destination', folder, '--silent'], cwd)
  }
  for (const tarball of readdirSync(folder)) {
    check(`publint ${tarball}`, bin('publint'), ['run', join(folder, tarball), '--strict'])
    check(`attw ${tarball}`, bin('attw'), [join(folder, tarball), '--profile', 'node16'])
  }
  rmSync(folder, { recursive: true })
}
process.exit(failed ? 1 : 0)
