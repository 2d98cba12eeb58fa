/**
 * Apache Kafka's jars, fetched once per version with Maven into the cache. The versions carry
 * small corrections that the published artifacts need: 4.4.0 of kafka-tools-api cannot be
 * resolved, and the logging binding (for SLF4J 1.7) is not among the dependencies, without which a
 * broker is silent.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from './java.ts'

interface Artifact {
  readonly coordinates: string
  readonly exclude?: string
}

const LOGGING: readonly Artifact[] = [
  { coordinates: 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4' },
  { coordinates: 'org.apache.logging.log4j:log4j-core:2.25.4' },
]

const SETS: Readonly<Record<string, readonly Artifact[]>> = {
  'kafka-4.4.0': [
    {
      coordinates: 'org.apache.kafka:kafka_2.13:4.4.0',
      exclude: 'org.apache.kafka:kafka-tools-api',
    },
    { coordinates: 'org.apache.kafka:kafka-tools-api:4.3.1' },
    ...LOGGING,
  ],
  'kafka-4.0.1': [{ coordinates: 'org.apache.kafka:kafka_2.13:4.0.1' }, ...LOGGING],
  'kafka-3.9.2': [{ coordinates: 'org.apache.kafka:kafka_2.13:3.9.2' }, ...LOGGING],
  'tools-4.3.1': [{ coordinates: 'org.apache.kafka:kafka-tools:4.3.1' }, ...LOGGING],
}

/** The folder with all jars of a set (`kafka-4.4.0`, `tools-4.3.1`, ...), fetched if need be. */
export function jars(set: string): string {
  const artifacts = SETS[set]
  if (artifacts === undefined) {
    throw new Error(`There is no jar set "${set}"; there are ${Object.keys(SETS).join(', ')}.`)
  }
  const folder = join(CACHE, 'jars', set)
  if (existsSync(folder) && readdirSync(folder).length > 0) return folder
  const work = join(CACHE, 'jars', `${set}.${process.pid}`)
  mkdirSync(join(work, 'libs'), { recursive: true })
  writeFileSync(join(work, 'pom.xml'), pom(set, artifacts))
  execFileSync(
    'mvn',
    [
      '-q',
      '-B',
      'dependency:copy-dependencies',
      '-DoutputDirectory=libs',
      '-DincludeScope=runtime',
    ],
    { cwd: work, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  // Two test files may fetch at the same time: whoever is first wins, the other's copy goes.
  if (!existsSync(folder)) renameSync(join(work, 'libs'), folder)
  rmSync(work, { recursive: true, force: true })
  return folder
}

/** A classpath for `java -cp`. */
export function classpath(set: string): string {
  return join(jars(set), '*')
}

function pom(name: string, artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(({ coordinates, exclude }) => {
    const [groupId, artifactId, version] = coordinates.split(':')
    const [excludedGroup, excludedArtifact] = exclude?.split(':') ?? []
    const exclusions =
      exclude === undefined
        ? ''
        : `<exclusions><exclusion><groupId>${excludedGroup}</groupId>` +
          `<artifactId>${excludedArtifact}</artifactId></exclusion></exclusions>`
    return (
      `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId>` +
      `<version>${version}</version>${exclusions}</dependency>`
    )
  })
  return (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
    `<groupId>local</groupId><artifactId>${name}</artifactId><version>1</version>` +
    `<dependencies>${dependencies.join('')}</dependencies></project>\n`
  )
}
