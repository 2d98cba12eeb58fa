// What users will get: the packages are packed and installed, without install scripts, into an empty
// folder outside of the repository, and used there from an ES module, from CommonJS and from
// TypeScript (module nodenext, declaration files checked).
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll, root } from './pack.js'

const folder = mkdtempSync(join(tmpdir(), 'odradek-consumer-'))
const run = (command, ...args) => {
  process.stdout.write(`$ ${[command, ...args].join(' ')}\n`)
  execFileSync(command, args, { cwd: folder, stdio: 'inherit' })
}
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

try {
  const dependencies = Object.fromEntries(
    packAll(folder).map(({ name, tarball }) => [name, `file:${tarball}`]),
  )
  for (const name of ['typescript', '@types/node']) dependencies[name] = devDependencies[name]
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ['node'],
    noEmitOnError: true,
  }
  const json = (name, value) => writeFileSync(join(folder, name), JSON.stringify(value, null, 2))
  json('package.json', { name: 'consumer', private: true, dependencies })
  json('tsconfig.json', { compilerOptions, include: ['*.mts', '*.cts'] })
  const sources = join(root, 'scripts', 'consumer')
  for (const name of ['esm.mjs', 'commonjs.cjs']) cpSync(join(sources, name), join(folder, name))
  for (const name of ['typed.mts', 'typed.cts']) {
    cpSync(join(sources, 'typescript.ts'), join(folder, name))
  }
  run('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock')
  run(process.execPath, 'esm.mjs')
  run(process.execPath, 'commonjs.cjs')
  run(process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'))
  run(process.execPath, 'typed.mjs')
  run(process.execPath, 'typed.cjs')
} catch (error) {
  process.stdout.write(`${String(error)}\n`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
