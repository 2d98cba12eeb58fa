// Builds every workspace in two module formats from one source (ES modules and CommonJS), then mends
// the two things that a CommonJS emit of ES-syntax sources cannot say for itself: the folder's module
// type, and `import.meta.url` (which lives in one file, `here.ts`, per package that needs it).
//
//   node scripts/build.js [--clean] [project ...]
//
// Outputs whose source is gone are removed first: the compiler leaves them, and the test runner and
// the packages would go on to find them.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Where a workspace's outputs are, and whether tests are among them. */
function outputsOf(workspace) {
  const dist = join(root, workspace, 'dist')
  if (!workspace.startsWith('packages/')) return [{ folder: dist, hasTests: true }]
  return [
    { folder: join(dist, 'esm'), hasTests: true },
    { folder: join(dist, 'cjs'), hasTests: false },
  ]
}

function removeOrphans(folder, source, hasTests) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      removeOrphans(path, join(source, entry.name), hasTests)
      if (readdirSync(path).length === 0) rmSync(path, { recursive: true })
      continue
    }
    const name = /^(.+?)(\.d)?\.[jt]s(\.map)?$/.exec(entry.name)?.[1]
    if (name === undefined) continue
    const isWanted = existsSync(join(source, `${name}.ts`)) && (hasTests || !/\.test/.test(name))
    if (!isWanted) rmSync(path)
  }
}

if (process.argv.includes('--clean')) {
  for (const workspace of workspaces) {
    rmSync(join(root, workspace, 'dist'), { recursive: true, force: true })
  }
}
for (const workspace of workspaces) {
  for (const { folder, hasTests } of outputsOf(workspace)) {
    removeOrphans(folder, join(root, workspace, 'src'), hasTests)
  }
}

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const projects = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const result = spawnSync(process.execPath, [tsc, '-b', ...projects], {
  cwd: root,
  stdio: 'inherit',
})

for (const workspace of workspaces) {
  const cjs = join(root, workspace, 'dist', 'cjs')
  if (!existsSync(cjs)) continue
  writeFileSync(join(cjs, 'package.json'), '{"type":"commonjs"}\n')
  const here = join(cjs, 'here.js')
  if (existsSync(here)) {
    writeFileSync(
      here,
      '"use strict";\nexports.here = require("node:url").pathToFileURL(__filename).href;\n',
    )
  }
}
process.exit(result.status ?? 1)
