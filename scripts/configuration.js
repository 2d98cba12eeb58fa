// Writes docs/configuration.md from the tables of options that the client checks its users' options
// against. A test fails when the page is stale.
//
//   node scripts/configuration.js
import { readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const built = join(root, 'packages', 'odradek', 'dist', 'esm')
export const PAGE = join(root, 'docs', 'configuration.md')

/** Where an option is given, by the name of its table; others are shown under their own name. */
const TITLES = {
  CLIENT_OPTIONS: 'new Kafka({ ... })',
  PRODUCER_OPTIONS: 'kafka.producer({ ... })',
  CONSUMER_OPTIONS: 'kafka.consumer({ ... })',
  RUN_OPTIONS: 'consumer.run(handler, { ... })',
  ERROR_POLICY_OPTIONS: 'consumer.run(handler, { onError: { ... } })',
  SHARE_CONSUMER_OPTIONS: 'kafka.shareConsumer({ ... })',
  SHARE_RUN_OPTIONS: 'shareConsumer.run(handler, { ... })',
  SHARE_ERROR_POLICY_OPTIONS: 'shareConsumer.run(handler, { onError: { ... } })',
  TOPIC_OPTIONS: "topic('name', { ... })",
  SEND_OPTIONS: 'producer.send(topic, records, { ... })',
  COMMIT_OPTIONS: 'consumer.commit(record, { ... })',
  SEEK_OPTIONS: 'consumer.seek({ ... })',
  OFFSET_TO_COMMIT_OPTIONS: 'consumer.commitOffsets([{ ... }])',
  STREAM_OPTIONS: 'consumer.stream({ ... })',
  CONSUMER_CLOSE_OPTIONS: 'consumer.close({ ... })',
  CLOSE_OPTIONS: 'close({ ... }) of a producer, a share consumer and the client',
  CLOSE_ON_SIGNAL_OPTIONS: 'kafka.closeOnSignal({ ... })',
  TRANSACTION_OPTIONS: 'producer.transaction(work, { ... })',
  ADMIN_CALL_OPTIONS: 'every call of an admin, { ... }',
  NEW_TOPIC_OPTIONS: 'admin.createTopics({ orders: { ... } })',
  LIST_TOPICS_OPTIONS: 'admin.listTopics({ ... })',
  LIST_GROUPS_OPTIONS: 'admin.listGroups({ ... })',
  LIST_OFFSETS_OPTIONS: 'admin.listOffsets(query, { ... })',
  REQUEST_OPTIONS: 'kafka.request(api, body, { ... })',
}

const INTRODUCTION = `# Configuration

Names are Kafka's in camelCase with the unit kept, and defaults are Kafka's unless a default loses
data or stalls a group. An option that is unknown, wrong or contradictory is refused when the object
is made, with a sentence that says what is expected. \`effectiveOptions\` of each object reads back
what is in force.

This page is generated from the tables that the client checks options against
(\`node scripts/configuration.js\`).
`

async function tables() {
  const files = readdirSync(built, { recursive: true }).filter((path) =>
    path.endsWith('-options.js'),
  )
  const found = []
  for (const path of files.sort()) {
    const module = await import(pathToFileURL(join(built, path)).href)
    for (const [name, rows] of Object.entries(module)) {
      if (name.endsWith('_OPTIONS') && Array.isArray(rows)) found.push({ name, rows })
    }
  }
  const order = Object.keys(TITLES)
  const rank = ({ name }) => (order.includes(name) ? order.indexOf(name) : order.length)
  return found.sort((a, b) => rank(a) - rank(b))
}

const UNITS = { ms: 'ms', bytes: 'bytes', count: '' }

function defaultOf(row) {
  if (row.isRequired === true) return '*required*'
  if (row.default === undefined) return ''
  if (typeof row.default === 'function') return 'a function'
  const value = JSON.stringify(row.default)
  const grouped = typeof row.default === 'number' ? row.default.toLocaleString('en-US') : value
  return `\`${grouped}\`${row.unit === undefined ? '' : ` ${UNITS[row.unit]}`}`.trim()
}

function lineOf(row) {
  const text = row.text.charAt(0).toUpperCase() + row.text.slice(1)
  // What is no value of anything is told what is expected.
  const expected = row.check(Symbol('nothing'))
  const cells = [
    `\`${row.name}\``,
    row.kafkaName === undefined ? '' : `\`${row.kafkaName}\``,
    defaultOf(row),
    expected === undefined ? text : `${text} Takes ${expected}.`,
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

export async function render() {
  const sections = (await tables()).map(({ name, rows }) =>
    [
      `## \`${TITLES[name] ?? name}\``,
      '',
      "| Option | Kafka's name | Default | What it does |",
      '| --- | --- | --- | --- |',
      ...rows.map(lineOf),
      '',
    ].join('\n'),
  )
  return [INTRODUCTION, ...sections].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, await render())
