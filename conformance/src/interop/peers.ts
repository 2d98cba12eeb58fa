/**
 * Other people's clients as members of a group: small programs of `conformance/interop`, built (or
 * installed) into the cache when they are first wanted. Each says on its standard output what it is
 * assigned and what it reads, and leaves when its standard input ends.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { classpath, jars } from '../kafka/jars.ts'
import { CACHE, REPOSITORY, whyNoJava } from '../kafka/java.ts'

const SOURCES = join(REPOSITORY, 'conformance', 'interop')
const INTEROP_CACHE = join(CACHE, 'interop')
const JARS = 'kafka-4.4.0'
const LIBRDKAFKA = 'confluent-kafka==2.16.0'

export interface Peer {
  readonly name: string
  readonly strategies: readonly string[]
  /** A program and its arguments, to which those of the group are added. Builds it if need be. */
  command(): readonly [string, ...string[]]
}

const ALL = ['cooperative-sticky', 'range', 'sticky', 'roundrobin']

const java: Peer = { name: 'Java', strategies: ALL, command: () => javaProgram('Member') }

/** The command of a Java program of `conformance/interop/java`, compiled if need be. */
export function javaProgram(name: string): readonly [string, ...string[]] {
  const missing = whyNoJava()
  if (missing !== undefined) throw new Error(missing)
  jars(JARS)
  const source = join(SOURCES, 'java', 'odradek', 'interop', `${name}.java`)
  const folder = built('java', [source], (to) => {
    run('javac', ['-encoding', 'UTF-8', '-d', to, '-cp', classpath(JARS), source])
  })
  const path = [folder, classpath(JARS)].join(delimiter)
  const options = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx128m']
  return ['java', ...options, '-cp', path, `odradek.interop.${name}`]
}

function goPeer(name: string, program: string): Peer {
  return {
    name,
    strategies: ALL,
    command() {
      if (spawnSync('go', ['version']).status !== 0) throw new Error('skipped: go is not installed')
      const folder = join(SOURCES, 'go')
      const sources = ['go.mod', 'go.sum', 'lines/lines.go', `${program}/main.go`]
      const paths = sources.map((path) => join(folder, path))
      const to = built(`go-${program}`, paths, (target) => {
        run('go', ['build', '-o', join(target, program), `./${program}`], folder)
      })
      return [join(to, program)]
    },
  }
}

const librdkafka: Peer = {
  name: 'librdkafka',
  strategies: ['cooperative-sticky', 'range', 'roundrobin'],
  command() {
    if (spawnSync('python3', ['--version']).status !== 0) {
      throw new Error('skipped: python3 is not installed')
    }
    const script = join(SOURCES, 'python', 'member.py')
    const folder = built(`python-${LIBRDKAFKA}`, [], (to) => {
      run('python3', ['-m', 'venv', to])
      const pip = ['install', '--quiet', '--disable-pip-version-check', LIBRDKAFKA]
      run(join(to, 'bin', 'pip'), pip)
    })
    return [join(folder, 'bin', 'python3'), script]
  },
}

export const PEERS: readonly Peer[] = [
  java,
  librdkafka,
  goPeer('franz-go', 'franz'),
  goPeer('Sarama', 'sarama'),
]

/** A folder of the cache, made once per state of the sources. */
function built(name: string, sources: readonly string[], build: (to: string) => void): string {
  const hash = createHash('sha256').update(name)
  for (const source of sources) hash.update(readFileSync(source))
  const folder = join(INTEROP_CACHE, `${name}-${hash.digest('hex').slice(0, 16)}`)
  const isBuilt = existsSync(folder) && readdirSync(folder).length > 0
  if (isBuilt) return folder
  mkdirSync(folder, { recursive: true })
  try {
    build(folder)
  } catch (error) {
    // Half of it would pass for the whole next time.
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return folder
}

function run(program: string, args: readonly string[], cwd?: string): void {
  execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], cwd })
}

/** The program of a peer, or why there is none here. */
export function prepare(peer: Peer): readonly [string, ...string[]] | string {
  try {
    return peer.command()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return reason.startsWith('skipped')
      ? reason
      : `skipped: ${peer.name} cannot be built: ${reason}`
  }
}
