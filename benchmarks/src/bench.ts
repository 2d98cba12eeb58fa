/**
 * A whole run: every scenario, every client, interleaved (A B C, A B C, ...), so that what the
 * machine does besides hits all of them alike. Each measurement writes to a topic of its own,
 * which is counted and deleted; all consumers of a scenario read the same topic.
 */
import type { BenchCluster } from './cluster.ts'
import type { Client, Variant } from './clients.ts'
import { type Measurement, measure } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { figuresOf, type Row, type ScenarioResult } from './result.ts'
import { CONCURRENT_SENDS, type Scenario, VALUE_BYTES, WARMUP_SHARE } from './scenarios.ts'
import type { Job } from './worker/job.ts'

interface OpenRow extends Row {
  readonly measurements: Measurement[]
  readonly failures: string[]
}

export class Bench {
  readonly #cluster: BenchCluster
  readonly #bootstrapServers: string
  readonly #options: BenchOptions
  #sequence = 0

  constructor(cluster: BenchCluster, bootstrapServers: string, options: BenchOptions) {
    this.#cluster = cluster
    this.#bootstrapServers = bootstrapServers
    this.#options = options
  }

  async run(scenario: Scenario, clients: readonly Client[]): Promise<ScenarioResult> {
    const records = Math.max(1000, Math.round(this.#options.records * scenario.share))
    const rows = clients.flatMap((client) => rowsOf(client, scenario))
    const warmupRecords = Math.round(records * WARMUP_SHARE)
    const sources =
      scenario.kind === 'consume' ? await this.#sources(scenario, records, warmupRecords) : []
    for (let run = 1; run <= this.#options.runs; run++) {
      for (const row of rows) {
        // What failed once fails again, and slowly.
        if (row.failures.length > 0) continue
        await this.#measureRow(scenario, row, { records, warmupRecords, sources, run })
      }
    }
    if (sources.length > 0) await this.#cluster.deleteTopics(sources)
    return { scenario, records, rows }
  }

  /** The topic to read, and a small one to be warm. */
  async #sources(scenario: Scenario, records: number, warmupRecords: number): Promise<string[]> {
    const topics = [this.#name('source'), this.#name('warmup')]
    for (const [at, topic] of topics.entries()) {
      await this.#cluster.createTopic(topic)
      const count = at === 0 ? records : warmupRecords
      await this.#cluster.fill(topic, count, scenario.compressionType)
    }
    return topics
  }

  async #measureRow(
    scenario: Scenario,
    row: OpenRow,
    work: {
      readonly records: number
      readonly warmupRecords: number
      readonly sources: readonly string[]
      readonly run: number
    },
  ): Promise<void> {
    const { records, warmupRecords, sources, run } = work
    const own = sources.length > 0 ? [] : [this.#name('target'), this.#name('warmup')]
    const [topic, warmupTopic] = [...sources, ...own] as [string, string] // there are two
    const label = `${scenario.id}, run ${run}: ${row.client.name} ${row.variant.label}`
    try {
      for (const name of own) await this.#cluster.createTopic(name)
      const job: Job = {
        kind: scenario.kind,
        variant: row.variant.id,
        bootstrapServers: this.#bootstrapServers,
        topic,
        records,
        warmupTopic,
        warmupRecords,
        uniqueName: this.#name(row.client.id),
        valueBytes: VALUE_BYTES,
        concurrency: CONCURRENT_SENDS,
      }
      const measurement = await measure(row.client, job, this.#options)
      if (own.length > 0) await this.#refuseOtherThan(topic, records)
      row.measurements.push(measurement)
      const { cpuSecondsPerMillion } = figuresOf({ ...row, measurements: [measurement] })
      say(`${label}: ${cpuSecondsPerMillion.median.toFixed(2)} CPU s per million records`)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      row.failures.push(reason)
      say(`${label} failed: ${reason}`)
    } finally {
      if (own.length > 0) await this.#cluster.deleteTopics(own)
    }
  }

  async #refuseOtherThan(topic: string, records: number): Promise<void> {
    const count = await this.#cluster.count(topic)
    if (count !== records) throw new Error(`It wrote ${count} records instead of ${records}.`)
  }

  #name(what: string): string {
    return `bench-${process.pid}-${Date.now().toString(36)}-${this.#sequence++}-${what}`
  }
}

function rowsOf(client: Client, scenario: Scenario): OpenRow[] {
  return waysOf(client, scenario).map((variant) => ({
    client,
    variant,
    measurements: [],
    failures: [],
  }))
}

function waysOf(client: Client, scenario: Scenario): readonly Variant[] {
  const { compressionType, ways } = scenario
  const own = client.variants[ways]
  if (compressionType === 'none') return own
  if (!client.codecs.includes(compressionType)) return []
  // Here decompression is the point: who has no batches shows it record by record.
  return own.length > 0 ? own : client.variants['consume-each'].slice(0, 1)
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Peers that cannot take part are named, so that nobody misses them without a reason. */
export function sayWhoIsMissing(scenario: Scenario, clients: readonly Client[]): void {
  const missing = clients
    .filter((client) => waysOf(client, scenario).length === 0)
    .map(({ name }) => name)
  if (missing.length > 0) say(`${scenario.id}: not offered by ${missing.join(', ')}.`)
}
