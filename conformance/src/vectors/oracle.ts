/**
 * Runs the Java program of `conformance/java` against Kafka's jars. It is compiled with javac into
 * the cache, once per state of its sources.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { classpath, jars } from '../kafka/jars.ts'
import { CACHE, REPOSITORY, whyNoJava } from '../kafka/java.ts'
import type { BatchDescription } from './vector-files.ts'

export const ORACLE_JARS = 'kafka-4.4.0'
const SOURCES = join(REPOSITORY, 'conformance', 'java', 'src', 'main', 'java', 'odradek', 'oracle')
const JAVA_OPTIONS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8']
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024

/** Why the oracle can't be asked here, or undefined when it can. */
export function whyNoOracle(): string | undefined {
  const missing = whyNoJava()
  if (missing !== undefined) return missing
  if (spawnSync('javac', ['-version']).status !== 0) {
    return 'skipped: javac is not installed (a JDK is needed, not only a JRE)'
  }
  try {
    jars(ORACLE_JARS)
    return undefined
  } catch (error) {
    return `skipped: the jars of ${ORACLE_JARS} cannot be fetched (${String(error)})`
  }
}

function compiled(): string {
  const files = readdirSync(SOURCES)
    .filter((name) => name.endsWith('.java'))
    .sort()
    .map((name) => join(SOURCES, name))
  const hash = createHash('sha256').update(ORACLE_JARS)
  for (const file of files) hash.update(readFileSync(file))
  const folder = join(CACHE, 'oracle', hash.digest('hex').slice(0, 16))
  if (existsSync(folder)) return folder
  mkdirSync(join(CACHE, 'oracle'), { recursive: true })
  const work = mkdtempSync(join(CACHE, 'oracle', 'compiling-'))
  const options = ['-Xlint:all,-classfile', '-encoding', 'UTF-8']
  execFileSync('javac', [...options, '-d', work, '-cp', classpath(ORACLE_JARS), ...files], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  // Two processes may compile at the same time: whoever is first wins.
  try {
    renameSync(work, folder)
  } catch (error) {
    rmSync(work, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}

function run(...args: readonly string[]): string {
  const path = [compiled(), classpath(ORACLE_JARS)].join(delimiter)
  return execFileSync('java', [...JAVA_OPTIONS, '-cp', path, 'odradek.oracle.Oracle', ...args], {
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** All vectors, written anew; gives the text of a file by its name. */
export function askForVectors(): (file: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-vectors-'))
  try {
    run('vectors', folder)
    const texts = new Map(
      readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
    )
    return (file) => {
      const text = texts.get(`${file}.jsonl`)
      if (text === undefined) throw new Error(`The oracle wrote no ${file}.jsonl`)
      return text
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export type Reading = { readonly batches: readonly BatchDescription[] } | { readonly error: string }

/** What Kafka reads in each of these record sets. */
export function askWhatIsIn(recordSets: readonly Uint8Array[]): readonly Reading[] {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-verify-'))
  try {
    const file = join(folder, 'batches')
    const lines = recordSets.map((bytes) => Buffer.from(bytes).toString('base64'))
    writeFileSync(file, `${lines.join('\n')}\n`)
    return run('verify', file)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Reading)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
