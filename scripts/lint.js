// Everything that can be said about the code without running it: types (by the build), oxlint with
// type-aware rules, Biome's formatting and, with `--packages`, the shape of the packages as users
// will install them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { packAll, root } from './pack.js'

let failed = false

function check(name, command, args) {
  const started = Date.now()
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  const ok = result.status === 0
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name} (${Date.now() - started} ms)\n`)
  if (!ok) {
    failed = true
    process.stdout.write(`${result.stdout ?? ''}${result.stderr ?? result.error}\n`)
  }
}

const bin = (name) => join(root, 'node_modules', '.bin', name)
const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
check('format', bin('biome'), ['format', '.'])
check('lint', bin('oxlint'), ['--type-aware', '--deny-warnings', 'scripts', ...workspaces])

if (process.argv.includes('--packages')) {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-pack-'))
  for (const { tarball } of packAll(folder)) {
    check(`publint ${basename(tarball)}`, bin('publint'), ['run', tarball, '--strict'])
    check(`attw ${basename(tarball)}`, bin('attw'), [tarball, '--profile', 'node16'])
  }
  rmSync(folder, { recursive: true })
}
process.exit(failed ? 1 : 0)
