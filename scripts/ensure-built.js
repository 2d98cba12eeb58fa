// Makes a fresh clone ready: installs when the lock file is newer than what is installed, and lets
// the incremental build look whether it has something to do. Both take next to no time when there
// is nothing, so `npm test` and `npm run demo` are the only commands a newcomer needs.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const installMark = join(root, 'node_modules', '.package-lock.json')

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

/** Both write to stderr alone: stdout belongs to the command that comes after. */
function run(what, command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.status === 0) return
  process.stderr.write(`${what} failed (${command} ${args.join(' ')}); see above.\n`)
  process.exit(result.status ?? 1)
}

if (modified(installMark) < modified(join(root, 'package-lock.json'))) {
  process.stderr.write('Installing dependencies ...\n')
  // The npm that runs this script, when there is one: on Windows `npm` is not a program.
  const npm = process.env.npm_execpath
  const install = ['ci', '--no-audit', '--no-fund']
  if (npm?.endsWith('.js')) run('Installing', process.execPath, [npm, ...install])
  else run('Installing', 'npm', install)
  const now = new Date()
  utimesSync(installMark, now, now)
}
if (!existsSync(join(root, 'packages/odradek/dist'))) process.stderr.write('Building ...\n')
run('Building', process.execPath, [join(root, 'scripts', 'build.js')])
