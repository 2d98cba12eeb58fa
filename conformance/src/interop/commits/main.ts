/**
 * What clients commit, and when, measured on a real Kafka: the same program by KafkaJS, the Java
 * client and Odradek reads every record and never commits by itself. Prints the table of
 * docs/reading.md.
 *
 *   npm run interop:commits --workspace conformance [-- "seek"]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kafka } from 'odradek'
import { KafkaCluster } from '../../kafka/kafka-cluster.ts'
import type { Command } from '../member-process.ts'
import { javaProgram } from '../peers.ts'
import { Program } from './program.ts'

const RECORDS = 60
const SOUGHT = 20
/** What a client commits without a reason that is seen here it has committed by then. */
const LATER_MS = 2000
const MODES = ['automatic', 'manual'] as const
type Mode = (typeof MODES)[number]

interface Run {
  readonly partitions: number
  start(): Program
  /** What the group has committed in a partition. */
  committed(partition?: number): Promise<string>
}

interface Moment {
  readonly name: string
  readonly partitions: number
  readonly records: number
  /** What is committed then, of partition 0 or of the one that has moved. */
  look(run: Run, first: Program): Promise<string>
}

const MOMENTS: readonly Moment[] = [
  {
    ...{ name: '60 records processed, nothing else', partitions: 1, records: RECORDS },
    look: async (run, first) => {
      const committed = await run.committed()
      await first.close()
      return committed
    },
  },
  {
    ...{ name: 'revocation: another member joins', partitions: 2, records: RECORDS },
    look: async (run, first) => {
      const second = run.start()
      const isShared = (): boolean => second.owned.length === 1 && first.owned.length === 1
      await second.until(isShared, 'each member has a partition')
      await sleep(LATER_MS)
      const committed = await run.committed(second.owned[0])
      await Promise.all([first.kill(), second.kill()])
      return committed
    },
  },
  {
    ...{ name: 'close', partitions: 1, records: RECORDS },
    look: async (run, first) => {
      await first.close()
      return run.committed()
    },
  },
  {
    ...{ name: 'close, nothing processed (an empty topic)', partitions: 1, records: 0 },
    look: async (run, first) => {
      await first.close()
      return run.committed()
    },
  },
  {
    ...{ name: `seek back to ${SOUGHT}`, partitions: 1, records: RECORDS },
    look: async (run, first) => {
      await first.seek(SOUGHT)
      await sleep(LATER_MS)
      const committed = await run.committed()
      await first.kill()
      return committed
    },
  },
  {
    ...{ name: 'crash (`SIGKILL`)', partitions: 1, records: RECORDS },
    look: async (run, first) => {
      await first.kill()
      return run.committed()
    },
  },
]

const script = (name: string): Command => [
  process.execPath,
  fileURLToPath(new URL(`./${name}`, import.meta.url)),
]
const CLIENTS: readonly { readonly name: string; readonly command: Command }[] = [
  { name: 'KafkaJS 2.2.4', command: script('kafkajs-program.js') },
  { name: 'Java 4.4.0', command: javaProgram('Commits') },
  { name: 'Odradek', command: script('odradek-program.js') },
]

const given = process.argv[2] ?? ''
const cluster = await KafkaCluster.start()
const { bootstrapServers } = cluster
const kafka = new Kafka({ bootstrapServers })
const admin = kafka.admin()
const producer = kafka.producer()
let names = 0

async function measure(moment: Moment, [program, ...args]: Command, mode: Mode): Promise<string> {
  const { partitions, records } = moment
  const topic = `commits-${names++}`
  await admin.createTopics({ [topic]: { partitions } })
  for (let partition = 0; partition < partitions; partition++) {
    if (records === 0) break
    const values = Array.from({ length: records }, (_, index) => ({ value: `${index}`, partition }))
    await producer.send(topic, values)
  }
  const run: Run = {
    partitions,
    start: () => new Program([program, ...args, bootstrapServers, topic, topic, mode]),
    committed: async (partition = 0) => {
      const offsets = await admin.committedOffsets(topic)
      const found = offsets.get(topic)?.find((one) => one.partition === partition)
      return found === undefined ? 'nothing' : `${found.offset}`
    },
  }
  const first = run.start()
  await first.until(() => first.owned.length === partitions, 'the member has its partitions')
  await first.until(() => first.readCount === partitions * records, 'every record is read')
  await sleep(LATER_MS)
  return moment.look(run, first)
}

try {
  const heads = CLIENTS.flatMap(({ name }) => MODES.map((mode) => `${name}, ${mode}`))
  process.stdout.write(`| committed after | ${heads.join(' | ')} |\n`)
  process.stdout.write(`| --- ${'| --- '.repeat(heads.length)}|\n`)
  for (const moment of MOMENTS.filter(({ name }) => name.startsWith(given))) {
    const cells: string[] = []
    for (const { command } of CLIENTS) {
      for (const mode of MODES) cells.push(await measure(moment, command, mode))
    }
    process.stdout.write(`| ${moment.name} | ${cells.join(' | ')} |\n`)
  }
} finally {
  await kafka.close()
  await cluster.close()
}
