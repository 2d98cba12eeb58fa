// Builds every workspace in two module formats from one source (ES modules and CommonJS), then mends
// the two things that a CommonJS emit of ES-syntax sources cannot say for itself: the folder's module
// type, and `import.meta.url` (which lives in one file, `here.ts`, per package that needs it).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

if (process.argv.includes('--clean')) {
  for (const folder of ['packages', '.']) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (entry.isDirectory() && entry.name !== 'node_modules') {
        rmSync(join(root, folder, entry.name, 'dist'), { recursive: true, force: true })
      }
    }
  }
}

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const projects = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const result = spawnSync(process.execPath, [tsc, '-b', ...projects], {
  cwd: root,
  stdio: 'inherit',
})

for (const name of readdirSync(join(root, 'packages'))) {
  const cjs = join(root, 'packages', name, 'dist', 'cjs')
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
