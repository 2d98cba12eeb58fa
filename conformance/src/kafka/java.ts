/**
 * Whether this machine can run Java at all, and where downloaded jars are kept. Everything that
 * needs a JVM asks here first, so that a machine without one gets one clear sentence instead of a
 * stack.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** The root of the repository (this file is compiled to `conformance/dist/kafka/java.js`). */
export const REPOSITORY = join(here, '..', '..', '..')

/** Jars, certificates and broker logs: out of git, kept between runs. */
export const CACHE = join(REPOSITORY, '.cache')

/** Why Java programs can't run here, or undefined when they can. */
export function whyNoJava(): string | undefined {
  for (const command of ['java', 'mvn']) {
    const probe = spawnSync(command, ['-version'], { encoding: 'utf8' })
    if (probe.status !== 0)
      return `skipped: ${command} is not installed (Java 17+ and Maven are needed)`
  }
  return undefined
}
