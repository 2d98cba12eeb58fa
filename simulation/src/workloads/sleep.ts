/** Waiting in the time of one process: it stops when the process does. */
import type { Environment } from '@odradek/environment'

export function sleep(environment: Environment, ms: number): Promise<void> {
  return new Promise((resolve) => void environment.timers.set(ms, resolve))
}
