// Makes a fresh clone ready: installs when the lock file is newer than what is installed, and builds
// when a source is newer than the last build. Both take no time when there is nothing to do, so
// `npm test` and `npm run demo` are the only commands a newcomer needs.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const installMark = join(root, 'node_modules', '.package-lock.json')
const buildMark = join(root, 'node_modules', '.odradek-built')

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

function newestSource(folder) {
  let newest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.'))
      continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path))
    else if (/\.ts$|^tsconfig.*\.json$|^package\.json$/.test(entry.name)) {
      newest = Math.max(newest, modified(path))
    }
  }
  return newest
}

function run(command, args, what) {
  process.stderr.write(`${what} ...\n`)
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.status !== 0) {
    process.stderr.write(`${what} failed (${command} ${args.join(' ')}); see above.\n`)
    process.exit(result.status ?? 1)
  }
}

if (modified(installMark) < modified(join(root, 'package-lock.json'))) {
  run('npm', ['ci', '--no-audit', '--no-fund'], 'Installing dependencies')
  const now = new Date()
  utimesSync(installMark, now, now)
}
const newest = newestSource(root)
if (modified(buildMark) < newest || !existsSync(join(root, 'packages/odradek/dist/esm/index.js'))) {
  run(process.execPath, [join(root, 'scripts', 'build.js')], 'Building')
  writeFileSync(buildMark, '')
}
