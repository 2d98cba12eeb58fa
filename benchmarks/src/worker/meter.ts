/** Wall time and CPU time (all threads, garbage collection included) of a stretch of a process. */
import { readFileSync } from 'node:fs'
import type { Usage } from './report.ts'

export class Meter {
  readonly #startedMs = performance.now()
  readonly #cpu = process.cpuUsage()

  read(): Usage {
    const { user, system } = process.cpuUsage(this.#cpu)
    return {
      wallMs: performance.now() - this.#startedMs,
      userMs: user / 1000,
      systemMs: system / 1000,
    }
  }

  elapsedMs(): number {
    return performance.now() - this.#startedMs
  }
}

/** What the process has used since it began. */
export function processUsage(): Usage {
  const { user, system } = process.cpuUsage()
  return { wallMs: performance.now(), userMs: user / 1000, systemMs: system / 1000 }
}

/**
 * The most memory that the process has held. Linux counts the parent's memory at the moment of
 * `fork` into `ru_maxrss`, so the high-water mark of /proc comes first.
 */
export function peakRssBytes(): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}
