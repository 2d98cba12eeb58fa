// Collects the compiled tests and hands them to Node's own runner as an explicit list of files, the
// one form that every supported Node understands.
//
//   node scripts/test.js [--node MAJOR|PATH] [--only TEXT] [--name PATTERN] [suite ...]
//
// Suites: unit (beside the code, and the house rules), conformance (Kafka's definitions and vectors),
// simulation, integration (embedded broker and, with Java, a real Kafka). Without a suite: all of
// them. `--only` picks files, `--name` tests.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeOfMajor } from './nodes.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const SUITES = {
  unit: ['packages', 'examples', 'scripts'],
  conformance: ['conformance/dist/schemas', 'conformance/dist/vectors', 'conformance/dist/chaos'],
  simulation: ['simulation'],
  integration: ['conformance/dist/integration', 'conformance/dist/kafka'],
}
/** A file of tests that hangs is ended and said to have failed, long before patience ends. */
const TIMEOUT_MS = 600_000
const UNIT_TIMEOUT_MS = 120_000
/** Node's own choice leaves a core idle; most tests of integration wait for a Kafka besides. */
const CONCURRENCY = Math.max(2, availableParallelism())
const QUICK_SUITES = ['unit', 'conformance']

let node = process.execPath
let only = ''
const runnerOptions = []
const suites = []
const argv = process.argv.slice(2)
for (let index = 0; index < argv.length; index++) {
  if (argv[index] === '--node') node = argv[++index]
  else if (argv[index] === '--only') only = argv[++index]
  else if (argv[index] === '--name') runnerOptions.push(`--test-name-pattern=${argv[++index]}`)
  else suites.push(argv[index])
}
if (/^\d+$/.test(node)) node = nodeOfMajor(node)
for (const suite of suites) {
  if (!(suite in SUITES)) {
    process.stderr.write(`Unknown suite "${suite}"; there are ${Object.keys(SUITES).join(', ')}.\n`)
    process.exit(2)
  }
}

function collect(folder, found) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!['node_modules', 'cjs', 'src'].includes(entry.name)) collect(path, found)
    } else if (/\.test\.(js|cjs)$/.test(entry.name)) found.push(relative(root, path))
  }
  return found
}

const files = (suites.length > 0 ? suites : Object.keys(SUITES))
  .flatMap((suite) => SUITES[suite])
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => collect(join(root, folder), []))
  .filter((file) => file.includes(only))
  .sort()
if (files.length === 0) {
  process.stderr.write('No test matches.\n')
  process.exit(1)
}
const isQuick = suites.length > 0 && suites.every((suite) => QUICK_SUITES.includes(suite))
const result = spawnSync(
  node,
  [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${isQuick ? UNIT_TIMEOUT_MS : TIMEOUT_MS}`,
    `--test-reporter=${process.env.TEST_REPORTER ?? 'spec'}`,
    ...runnerOptions,
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } },
)
process.exit(result.status ?? 1)
