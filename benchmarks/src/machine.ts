/** Where and when something was measured: figures without it mean nothing. */
import { cpus, loadavg, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly date: string
  readonly processor: string
  readonly cores: number
  readonly memoryGigabytes: number
  readonly system: string
  /** What the clients talked to. */
  readonly cluster: string
  /** Load averages of one minute, before and after: this machine had other work, or it had none. */
  readonly loadBefore: number
  readonly loadAfter: number
}

export function loadNow(): number {
  return loadavg()[0] ?? 0
}

export function describeMachine(cluster: string, loadBefore: number): Machine {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    cluster,
    loadBefore,
    loadAfter: loadNow(),
  }
}

export function machineLine(machine: Machine): string {
  const { date, processor, cores, memoryGigabytes, system, cluster } = machine
  const load = `${machine.loadBefore.toFixed(1)} before, ${machine.loadAfter.toFixed(1)} after`
  return (
    `${date}, ${cores} cores (${processor}), ${memoryGigabytes} GB, ${system}, ${cluster}; ` +
    `load ${load}`
  )
}
