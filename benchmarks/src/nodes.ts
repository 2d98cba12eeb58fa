/**
 * The Node binaries to measure on. A version that this process does not run itself comes from the
 * npm package with the binary of this platform: the package `node` would fetch it in an install
 * script, which newer npm versions block.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, FALLBACK_NODE } from './clients.ts'
import { CACHE } from './folders.ts'

const VERSIONS: Readonly<Record<string, string>> = {
  20: '20.20.2',
  22: '22.23.3',
  24: '24.21.0',
  26: '26.10.0',
}

export interface NodeBinary {
  readonly path: string
  readonly version: string
}

const known = new Map<string, NodeBinary>()

/** The binary of a major version, or the one at a path. */
export function nodeBinary(wanted: string): NodeBinary {
  let binary = known.get(wanted)
  if (binary === undefined) {
    const path = pathOf(wanted)
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1)
    binary = { path, version }
    known.set(wanted, binary)
  }
  return binary
}

function pathOf(wanted: string): string {
  const version = VERSIONS[wanted]
  if (version === undefined) {
    if (existsSync(wanted)) return wanted
    const majors = Object.keys(VERSIONS).join(', ')
    throw new Error(`--node takes ${majors} or the path of a binary; there is no "${wanted}".`)
  }
  if (process.versions.node.split('.')[0] === wanted) return process.execPath
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const folder = join(CACHE, 'nodes', version)
  const path = join(folder, 'node_modules', name, 'bin', 'node')
  if (!existsSync(path)) {
    process.stderr.write(`Fetching Node ${version} ...\n`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
    execFileSync('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  return path
}

/** The binary for a client: the one that was asked for, unless the client refuses it. */
export function nodeFor(client: Client, wanted: string): NodeBinary {
  const binary = nodeBinary(wanted)
  return isSupported(client, binary.version) ? binary : nodeBinary(FALLBACK_NODE)
}

function isSupported(client: Client, version: string): boolean {
  if (client.nodeFloor === undefined) return true
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const majors = Object.keys(client.nodeFloor).map(Number)
  const floor = client.nodeFloor[major]
  if (floor === undefined) return major > Math.max(...majors)
  return minor >= Number(floor.split('.')[1])
}
