// Many seeds of the simulation, on all cores: what a night is for, and a part of it in CI.
//
//   npm run nightly -- [--seeds 2000] [--from SEED] [--only TEXT] [--jobs N]
//
// `--seeds` is how many the crowd gets; other combinations of workload, plan and profile get a share.
// `--only` picks combinations by their text ("crowd", "groups swarm"). Every day has seeds of its own
// unless `--from` says where they begin; a seed that fails prints the command that replays it.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { SIMULATION_HEAP } from './simulation-heap.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const DAY_MS = 86_400_000
/** So many seeds of a day do not meet those of the next. */
const SEEDS_A_DAY = 10_000
/** A process that plays so many seeds is warm; no more than these, so that all cores stay busy. */
const SEEDS_PER_JOB = { min: 50, max: 500 }

/** Shares of `--seeds`: the field's own nightmare first, then everything with everything. */
const SWARMS = [
  ['crowd crowd three', 1],
  ['crowd crowd managed', 0.1],
  ['crowd swarm three', 0.1],
  ['produce-group swarm three', 0.2],
  ['produce-group swarm managed', 0.2],
  ['produce-group swarm slow', 0.1],
  ['groups swarm three', 0.2],
  ['groups swarm managed', 0.2],
  ['pods swarm three', 0.1],
  ['pods swarm slow', 0.1],
]
const EACH_PLAN = 0.02

async function combinations() {
  const load = (file) => import(pathToFileURL(join(root, 'simulation', 'dist', file)).href)
  const { WORKLOADS } = await load('workloads/index.js')
  const { PLANS } = await load('plans/plan.js')
  const known = new Map(SWARMS)
  for (const workload of WORKLOADS) {
    for (const plan of PLANS) {
      const what = `${workload.name} ${plan.name} ${workload.profile}`
      if (!known.has(what)) known.set(what, EACH_PLAN)
    }
  }
  return [...known]
}

function jobsOf([what, share], { seeds, from, workers }) {
  const count = Math.max(1, Math.round(seeds * share))
  const { min, max } = SEEDS_PER_JOB
  const size = Math.min(max, Math.max(min, Math.ceil(count / workers)))
  const jobs = []
  for (let at = 0; at < count; at += size) {
    jobs.push({ what, from: from + at, seeds: Math.min(size, count - at) })
  }
  return jobs
}

function play({ what, from, seeds }) {
  const [workload, plan, profile] = what.split(' ')
  const main = join(root, 'simulation', 'dist', 'main.js')
  const combination = ['--workload', workload, '--plan', plan, '--profile', profile]
  const child = spawn(
    process.execPath,
    [SIMULATION_HEAP, main, ...combination, '--from', String(from), '--seeds', String(seeds)],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (part) => {
    text += part
  })
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ failed: code !== 0, text }))
  })
}

const print = (line) => process.stdout.write(`${line}\n`)
const count = (text) => (/^[1-9]\d*$/.test(text ?? '') ? Number(text) : undefined)

export async function main(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: String(Math.floor(Date.now() / DAY_MS) * SEEDS_A_DAY) },
      only: { type: 'string', default: '' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  })
  const [seeds, from, workers] = [values.seeds, values.from, values.jobs].map(count)
  if (seeds === undefined || from === undefined || workers === undefined) {
    process.stderr.write('--seeds, --from and --jobs take whole numbers from 1 on.\n')
    return 2
  }
  const chosen = (await combinations()).filter(([what]) => what.includes(values.only))
  if (chosen.length === 0) {
    process.stderr.write(`Nothing is called "${values.only}".\n`)
    return 2
  }
  const queue = chosen.flatMap((combination) => jobsOf(combination, { seeds, from, workers }))
  const totals = new Map(chosen.map(([what]) => [what, { seeds: 0, failed: 0 }]))
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { failed, text } = await play(job)
      const total = totals.get(job.what)
      total.seeds += job.seeds
      total.failed += (text.match(/^Seed \d+ FAILED/gm) ?? []).length || Number(failed)
      if (failed) print(`${job.what}:\n${text}`)
    }
  }
  print(`Seeds from ${from} on, ${workers} at a time.`)
  await Promise.all(Array.from({ length: workers }, work))
  for (const [what, total] of totals) {
    print(`${what.padEnd(34)} ${String(total.seeds).padStart(5)} seeds, ${total.failed} failed`)
  }
  return [...totals.values()].some(({ failed }) => failed > 0) ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2))
