/** What a run found, as it goes into the JSON file and, in short, into the tables. */
import type { Client, Variant } from './clients.ts'
import type { Machine } from './machine.ts'
import type { Measurement } from './measure.ts'
import type { Scenario } from './scenarios.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** One row: a client and one of its ways. */
export interface Row {
  readonly client: Client
  readonly variant: Variant
  readonly measurements: readonly Measurement[]
  /** Why there are fewer measurements than there should be. */
  readonly failures: readonly string[]
}

export interface ScenarioResult {
  readonly scenario: Scenario
  readonly records: number
  readonly rows: readonly Row[]
}

export interface BenchResult {
  readonly machine: Machine
  readonly scenarios: readonly ScenarioResult[]
}

export interface RowFigures {
  /** CPU seconds, user and system, per million records, of the measured section. */
  readonly cpuSecondsPerMillion: Spread
  /** Of the measured section: for consumers with connecting and joining the group. */
  readonly recordsPerSecond: Spread
  /** How much of that connecting and joining took. */
  readonly firstRecordMs: Spread
  readonly peakRssMegabytes: Spread
  /** CPU seconds of the whole process: start-up and warm-up too. */
  readonly processCpuSeconds: Spread
}

export function figuresOf(row: Row): RowFigures {
  const spread = (figure: (measurement: Measurement) => number): Spread =>
    spreadOf(row.measurements.map(figure))
  return {
    cpuSecondsPerMillion: spread(
      ({ section, records }) => ((section.userMs + section.systemMs) / records) * 1000,
    ),
    recordsPerSecond: spread(({ section, records }) => (records / section.wallMs) * 1000),
    firstRecordMs: spread(({ firstRecordMs }) => firstRecordMs),
    peakRssMegabytes: spread(({ peakRssBytes }) => peakRssBytes / 1e6),
    processCpuSeconds: spread(({ process: whole }) => (whole.userMs + whole.systemMs) / 1000),
  }
}

/** The file for machines: figures and every measurement, without the tables of the code. */
export function toJson(result: BenchResult): string {
  const scenarios = result.scenarios.map(({ scenario, records, rows }) => ({
    id: scenario.id,
    title: scenario.title,
    records,
    rows: rows.map((row) => ({
      client: row.client.id,
      variant: row.variant.label,
      figures: row.measurements.length === 0 ? null : figuresOf(row),
      measurements: row.measurements,
      failures: row.failures,
    })),
  }))
  return `${JSON.stringify({ machine: result.machine, scenarios }, null, 2)}\n`
}
