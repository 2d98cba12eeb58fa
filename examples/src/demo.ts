/**
 * The first mile in one program: records are produced, a group of three members consumes them, one
 * member stops on the way, and at the end nothing is missing. On the embedded broker, or with
 * `--bootstrap-servers HOST:PORT` on a real Apache Kafka.
 */
import { parseArgs } from 'node:util'
import { startBroker } from '@odradek/broker'
import { type Consumer, Kafka } from 'odradek'

const PARTITIONS = 6
const MEMBERS = 3
const RECORDS_PER_SEND = 5000
const HELP = `Usage: npm run demo -- [--bootstrap-servers HOST:PORT] [--records N]

Produces N records (100,000 by default), consumes them with a group of three members, stops one on
the way, and says what came of it. Without --bootstrap-servers it starts an embedded broker.`

/** What the members have seen, together. */
class Tally {
  readonly #seen: Uint8Array
  readonly generations = new Set<number>()
  delivered = 0
  distinct = 0
  #goals: { readonly distinct: number; readonly reached: () => void }[] = []

  constructor(records: number) {
    this.#seen = new Uint8Array(records)
  }

  count(id: number): void {
    this.delivered++
    if (this.#seen[id] === 1) return
    this.#seen[id] = 1
    this.distinct++
    this.#goals = this.#goals.filter(({ distinct, reached }) => {
      if (this.distinct < distinct) return true
      reached()
      return false
    })
  }

  reach(distinct: number): Promise<void> {
    if (this.distinct >= distinct) return Promise.resolve()
    return new Promise((reached) => void this.#goals.push({ distinct, reached }))
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'bootstrap-servers': { type: 'string' },
      records: { type: 'string', default: '100000' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) {
    say(HELP)
    return
  }
  const records = Number(values.records)
  if (!Number.isSafeInteger(records) || records < 1) {
    throw new Error(`--records takes a whole number, 1 or more; it was given "${values.records}".`)
  }
  const given = values['bootstrap-servers']
  if (given !== undefined) {
    say(`Using the cluster at ${given}.`)
    await play(given, records)
    return
  }
  const broker = await startBroker()
  say(`Embedded broker on ${broker.bootstrapServers}.`)
  try {
    await play(broker.bootstrapServers, records)
  } finally {
    await broker.close()
  }
}

async function play(bootstrapServers: string, records: number): Promise<void> {
  const kafka = new Kafka({ bootstrapServers, clientId: 'demo' })
  const topic = `odradek-demo-${Date.now()}`
  const groupId = `${topic}-group`
  const admin = kafka.admin()
  await admin.createTopics({ [topic]: { partitions: PARTITIONS } })
  say(`Topic ${topic} with ${PARTITIONS} partitions.`)

  const tally = new Tally(records)
  const members = Array.from({ length: MEMBERS }, () =>
    kafka.consumer({ groupId, topics: [topic], startFrom: 'earliest' }),
  )
  for (const member of members) {
    member.on('rebalanced', ({ generationId }) => void tally.generations.add(generationId))
  }
  const started = performance.now()
  const loops = members.map((member) => consume(member, tally))

  const half = Math.ceil(records / 2)
  const producer = kafka.producer({ lingerMs: 5 })
  let acknowledged = await produce(producer, topic, 0, half)
  await tally.reach(half)
  const [leaver] = members as [Consumer]
  await leaver.close()
  say(`Half is delivered; one of ${MEMBERS} members left.`)
  acknowledged += await produce(producer, topic, half, records)
  await tally.reach(records)
  const seconds = (performance.now() - started) / 1000

  await Promise.all(members.map((member) => member.close()))
  await Promise.all(loops)
  const { lag } = await admin.lag(groupId)
  await admin.deleteGroups([groupId])
  await admin.deleteTopics([topic])
  await kafka.close()

  report({
    'records acknowledged': acknowledged,
    'records delivered': tally.distinct,
    duplicates: tally.delivered - tally.distinct,
    rebalances: tally.generations.size,
    lag,
    'records/s': Math.round(records / seconds),
  })
  if (tally.distinct !== records || lag !== 0) throw new Error('Records are missing.')
}

async function consume(consumer: Consumer, tally: Tally): Promise<void> {
  for await (const record of consumer) tally.count(Number(record.key))
}

async function produce(
  producer: ReturnType<Kafka['producer']>,
  topic: string,
  from: number,
  to: number,
): Promise<number> {
  let acknowledged = 0
  for (let start = from; start < to; start += RECORDS_PER_SEND) {
    const length = Math.min(RECORDS_PER_SEND, to - start)
    const batch = Array.from({ length }, (_, index) => ({
      key: String(start + index),
      value: `record ${start + index}`,
    }))
    acknowledged += (await producer.send(topic, batch)).length
  }
  return acknowledged
}

function report(rows: Readonly<Record<string, number>>): void {
  say('')
  for (const [name, value] of Object.entries(rows)) {
    say(`  ${name.padEnd(22)}${value.toLocaleString('en').padStart(10)}`)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
