/** `npm run bench`: Odradek and its peers against the same real Apache Kafka, side by side. */
import { writeFileSync } from 'node:fs'
import { whyNoJava } from '@odradek/conformance/dist/kafka/java.js'
import { KafkaCluster } from '@odradek/conformance/dist/kafka/kafka-cluster.js'
import { Bench, say, sayWhoIsMissing } from './bench.ts'
import { BenchCluster } from './cluster.ts'
import { describeMachine, loadNow, machineLine } from './machine.ts'
import { nodeFor } from './nodes.ts'
import { type BenchOptions, CommandLineError, HELP, parseCommandLine } from './options.ts'
import { preparePeers } from './peers.ts'
import { type ScenarioResult, toJson } from './result.ts'
import { tableOf } from './table.ts'

/** Deleted topics go at once: a run writes some gigabytes. */
const BROKER_PROPERTIES = { 'log.segment.delete.delay.ms': 100, 'log.retention.ms': -1 }

async function main(): Promise<number> {
  const options = parseCommandLine(process.argv.slice(2))
  if (options === 'help') {
    process.stdout.write(HELP)
    return 0
  }
  const noJava = options.bootstrapServers === undefined ? whyNoJava() : undefined
  if (noJava !== undefined) {
    say(`No cluster to measure against: ${noJava}. Give one with --bootstrap-servers.`)
    return 1
  }
  const skipped = preparePeers(options.clients)
  for (const reason of skipped.values()) say(reason)
  const clients = options.clients.filter((client) => !skipped.has(client))
  for (const client of clients) {
    if (client.runtime === 'node') nodeFor(client, options.node)
  }
  return measureAll({ ...options, clients })
}

async function measureAll(options: BenchOptions): Promise<number> {
  const loadBefore = loadNow()
  let kafka: KafkaCluster | undefined
  let cluster: BenchCluster | undefined
  try {
    if (options.bootstrapServers === undefined) {
      say('Starting Apache Kafka ...')
      kafka = await KafkaCluster.start({ properties: BROKER_PROPERTIES })
    }
    const bootstrapServers = options.bootstrapServers ?? kafka?.bootstrapServers ?? ''
    cluster = new BenchCluster(bootstrapServers)
    const bench = new Bench(cluster, bootstrapServers, options)
    const scenarios: ScenarioResult[] = []
    for (const scenario of options.scenarios) {
      sayWhoIsMissing(scenario, options.clients)
      scenarios.push(await bench.run(scenario, options.clients))
    }
    const name =
      kafka === undefined ? bootstrapServers : `Apache Kafka ${kafka.version}, one broker`
    const machine = describeMachine(name, loadBefore)
    process.stdout.write(`\n${machineLine(machine)}\n`)
    for (const scenario of scenarios) process.stdout.write(`\n${tableOf(scenario)}\n`)
    if (options.json !== undefined) writeFileSync(options.json, toJson({ machine, scenarios }))
    return scenarios.some(({ rows }) => rows.some(({ failures }) => failures.length > 0)) ? 1 : 0
  } finally {
    await cluster?.close()
    await kafka?.close()
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The broker and the workers end with this process, by its exit handlers.
  process.once(signal, () => process.exit(1))
}

try {
  process.exitCode = await main()
} catch (error) {
  say(error instanceof CommandLineError ? `${error.message}\n\n${HELP}` : String(error))
  if (!(error instanceof CommandLineError) && error instanceof Error) say(error.stack ?? '')
  process.exitCode = error instanceof CommandLineError ? 2 : 1
}
