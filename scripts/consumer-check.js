// What users will get: the packages are packed and installed, without install scripts, into an empty
// folder outside of the repository, and used there.
//
//   node scripts/consumer-check.js               from ES modules, CommonJS and TypeScript
//   node scripts/consumer-check.js --bundlers    and as one file: esbuild, webpack, rollup, AWS Lambda
//   node scripts/consumer-check.js --runtimes    and by Bun and Deno
import { execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packAll, root } from './pack.js'
import { runtime } from './runtimes.js'

/** Declaration files are read by these, with every check on. */
const COMPILERS = { ts54: '5.4.5', ts59: '5.9.3' }
const BUNDLERS = {
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-node-resolve': '16.0.3',
  rollup: '4.68.8',
  webpack: '5.113.0',
}
const INSTALL = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'odradek-consumer-'))
const node = process.execPath

function run(command, ...args) {
  process.stdout.write(`$ ${[command, ...args].join(' ')}\n`)
  return execFileSync(command, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 2],
    encoding: 'utf8',
  })
}
const show = (...command) => process.stdout.write(run(...command))

function json(path, value) {
  writeFileSync(join(folder, path), JSON.stringify(value, null, 2))
}

function install(withBundlers) {
  const dependencies = Object.fromEntries(
    packAll(folder).map(({ name, tarball }) => [name, `file:${tarball}`]),
  )
  json('package.json', { name: 'consumer', private: true, dependencies })
  // First what everybody installs, without the optional dependencies of any package.
  run('npm', ...INSTALL, '--omit=optional')
  cpSync(join(root, 'scripts', 'consumer'), folder, { recursive: true })
  for (const name of ['typed.mts', 'typed.cts']) {
    cpSync(join(root, 'scripts', 'consumer', 'typescript.ts'), join(folder, name))
  }
  rmSync(join(folder, 'typescript.ts'))
  return () => {
    for (const name of ['typescript', '@types/node', ...(withBundlers ? ['esbuild'] : [])]) {
      dependencies[name] = devDependencies[name]
    }
    for (const [name, version] of Object.entries(COMPILERS)) {
      dependencies[name] = `npm:typescript@${version}`
    }
    if (withBundlers) Object.assign(dependencies, BUNDLERS)
    json('package.json', { name: 'consumer', private: true, dependencies })
    rmSync(join(folder, 'node_modules'), { recursive: true })
    run('npm', ...INSTALL)
  }
}

function compile() {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ['node'],
    noEmitOnError: true,
  }
  json('tsconfig.json', { compilerOptions, include: ['*.mts', '*.cts'] })
  for (const compiler of [...Object.keys(COMPILERS), 'typescript']) {
    show(node, join('node_modules', compiler, 'bin', 'tsc'))
  }
  show(node, 'typed.mjs')
  show(node, 'typed.cjs')
}

/** Starts a broker for programs, in a process of its own. */
async function withBroker(work) {
  const broker = spawn(node, ['broker.mjs'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const address = await new Promise((resolve, reject) => {
      broker.stdout.once('data', (bytes) => resolve(String(bytes).trim()))
      broker.once('exit', () => reject(new Error('The broker ended')))
    })
    await work(address)
  } finally {
    broker.stdin.end()
  }
}

/** Runs a program to its end; what it printed. */
async function play(command, args, { address, codecs }) {
  const env = { ...process.env, BOOTSTRAP_SERVERS: address }
  if (codecs !== undefined) env.CODECS = codecs
  const options = { cwd: folder, env, timeout: 60_000 }
  const { stdout } = await promisify(execFile)(command, args, options)
  process.stdout.write(`$ ${[command, ...args].join(' ')}\n${stdout}`)
}

/** Programs wait more than they compute. */
async function inPairs(items, work) {
  for (let at = 0; at < items.length; at += 2) {
    await Promise.all(items.slice(at, at + 2).map(work))
  }
}

const PORTABLE = 'none,gzip,snappy,zstd'

async function main() {
  const withBundlers = process.argv.includes('--bundlers')
  const installAll = install(withBundlers)
  await withBroker((address) => play(node, ['program.mjs'], { address, codecs: PORTABLE }))
  installAll()
  show(node, 'esm.mjs')
  show(node, 'commonjs.cjs')
  compile()
  const programs = [[node, ['program.mjs']]]
  if (process.argv.includes('--runtimes')) {
    programs.push(
      [runtime('bun'), ['program.mjs']],
      [runtime('deno'), ['run', '-A', 'program.mjs']],
    )
  }
  const bundled = []
  if (withBundlers) {
    mkdirSync(join(folder, 'bundled'))
    bundled.push(...run(node, 'bundle.mjs').trim().split('\n'))
  }
  const alone = bundled.filter((file) => !file.includes('lambda'))
  await withBroker(async (address) => {
    const all = [...programs, ...alone.map((file) => [node, [file]])]
    await inPairs(all, ([command, args]) => play(command, args, { address }))
  })
  for (const file of bundled) if (file.includes('lambda')) show(node, 'lambda-runtime.mjs', file)
  if (withBundlers) await playAlone(alone)
}

/** One file, and nothing else: what a container or a function is made of. */
async function playAlone(files) {
  rmSync(join(folder, 'node_modules', 'odradek'), { recursive: true })
  const names = ['lz4-napi', 'snappyjs', '@node-rs', '@bokuweb']
  await withBroker(async (address) => {
    for (const name of names) {
      rmSync(join(folder, 'node_modules', name), { recursive: true, force: true })
    }
    await inPairs(files, (file) => play(node, [file], { address, codecs: PORTABLE }))
  })
}

try {
  await main()
} catch (error) {
  process.stdout.write(`${String(error)}\n${error.stdout ?? ''}${error.stderr ?? ''}\n`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
