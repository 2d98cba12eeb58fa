// Shows that the simulation's checkers can fail: bugs that are kept as data (simulation/src/mutations)
// are put into a copy of the compiled client, one at a time, and the simulation of that copy must
// fail within so many seeds. The client as it is must pass the first seeds of the same plans.
//
//   npm run simulate -- --mutations [--only NAME] [--seeds 200] [--shrink]
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { SIMULATION_HEAP } from './simulation-heap.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const CLIENT = 'packages/odradek'
const BESIDE_IT = ['environment', 'protocol', 'broker']
const CLEAN_SEEDS = 20
/** A client that computes for ever is ended, and has not been caught. */
const TIMEOUT_MS = 600_000

export async function loadMutations() {
  const index = join(root, 'simulation', 'dist', 'mutations', 'index.js')
  return (await import(pathToFileURL(index).href)).MUTATIONS
}

/** How often each of a mutation's texts is in the compiled client: once each, or it is out of date. */
export function placesOf({ edits }) {
  return edits.map(({ file, find }) => {
    const path = compiled(root, file)
    return existsSync(path) ? readFileSync(path, 'utf8').split(find).length - 1 : 0
  })
}

const compiled = (tree, file) => join(tree, CLIENT, 'dist', 'esm', file)

/**
 * A copy of the simulation and of the client, so that one imports the other; whatever else they
 * import is the workspace's own.
 */
export class MutableTree {
  #folder = mkdtempSync(join(tmpdir(), 'odradek-mutations-'))

  constructor() {
    const isCode = (path) => statSync(path).isDirectory() || path.endsWith('.js')
    for (const part of ['simulation', CLIENT]) {
      const dist = part === CLIENT ? join('dist', 'esm') : 'dist'
      cpSync(join(root, part, dist), join(this.#folder, part, dist), {
        recursive: true,
        filter: isCode,
      })
      cpSync(join(root, part, 'package.json'), join(this.#folder, part, 'package.json'))
    }
    const modules = join(this.#folder, 'node_modules')
    mkdirSync(join(modules, '@odradek'), { recursive: true })
    symlinkSync(join(this.#folder, CLIENT), join(modules, 'odradek'), 'junction')
    for (const name of BESIDE_IT) {
      symlinkSync(join(root, 'packages', name), join(modules, '@odradek', name), 'junction')
    }
  }

  /** Simulates the client with these edits until a seed fails. */
  simulate({ edits = [], workload, plan, profile }, seeds, { shrinks = false } = {}) {
    const files = new Set(edits.map(({ file }) => file))
    for (const { file, find, replace } of edits) {
      const path = compiled(this.#folder, file)
      const text = readFileSync(path, 'utf8')
      writeFileSync(path, text.split(find).join(replace))
    }
    try {
      const what = ['--workload', workload, '--plan', plan, '--profile', profile]
      return this.#run([...what, shrinks ? '--shrink' : '--no-shrink'], seeds)
    } finally {
      for (const file of files) cpSync(compiled(root, file), compiled(this.#folder, file))
    }
  }

  #run(what, seeds) {
    const startedAt = Date.now()
    const main = join(this.#folder, 'simulation', 'dist', 'main.js')
    const { stdout, stderr, status, error } = spawnSync(
      process.execPath,
      [SIMULATION_HEAP, main, ...what, '--seeds', String(seeds), '--bail'],
      { encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: 2 ** 28 },
    )
    const seconds = (Date.now() - startedAt) / 1000
    const failed = /^Seed (\d+) FAILED/m.exec(stdout)
    if (failed !== null) {
      const checkers = [...stdout.matchAll(/^ {2}([a-z-]+): /gm)].map((match) => match[1])
      return { seed: Number(failed[1]), checkers: [...new Set(checkers)], seconds, report: stdout }
    }
    if (status === 0) return { seed: undefined, checkers: [], seconds, report: stdout }
    throw new Error(`The simulation did not run: ${error?.message ?? ''} ${stderr}`)
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const print = (line) => process.stdout.write(`${line}\n`)
const row = (...cells) =>
  print(`| ${cells.map((cell, at) => String(cell).padEnd([28, 22, 5, 26][at] ?? 7)).join(' | ')} |`)

/** Whether it is as it should be. */
function tryOut(tree, mutation, { seeds, shrink: shrinks }) {
  const { name, workload, plan, notCaught } = mutation
  if (placesOf(mutation).some((count) => count !== 1)) {
    row(name, `${workload}, ${plan}`, '', 'OUT OF DATE', '')
    return false
  }
  const { seed, checkers, seconds, report } = tree.simulate(mutation, Number(seeds), { shrinks })
  const verdict = checkers[0] ?? (notCaught === undefined ? 'NOT CAUGHT' : 'not caught yet')
  row(name, `${workload}, ${plan}`, seed ?? '-', verdict, seconds.toFixed(1))
  if (shrinks && seed !== undefined) print(report)
  return seed !== undefined || notCaught !== undefined
}

/** The client without a bug passes where its mutations are looked for. */
function tryOutUnchanged(tree, mutations) {
  const places = new Map()
  for (const { workload, plan, profile } of mutations) {
    places.set(`${workload} ${plan} ${profile}`, { workload, plan, profile })
  }
  let passed = true
  for (const place of places.values()) {
    const { seed, checkers, seconds } = tree.simulate(place, CLEAN_SEEDS)
    passed &&= seed === undefined
    const verdict = seed === undefined ? 'passed' : `FAILED: ${checkers.join(', ')}`
    row('(unchanged)', `${place.workload}, ${place.plan}`, CLEAN_SEEDS, verdict, seconds.toFixed(1))
  }
  return passed
}

export async function main(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      mutations: { type: 'boolean' },
      only: { type: 'string', multiple: true },
      seeds: { type: 'string', default: '200' },
      shrink: { type: 'boolean', default: false },
    },
  })
  const all = await loadMutations()
  const chosen = all.filter(({ name }) => values.only?.includes(name) ?? true)
  if (chosen.length === 0 || !/^[1-9]\d*$/.test(values.seeds)) {
    process.stderr.write(`--only takes one of ${all.map(({ name }) => name).join(', ')}.\n`)
    return 2
  }
  const tree = new MutableTree()
  try {
    row('mutation', 'workload, plan', 'seeds', 'caught by', 'seconds')
    row('---', '---', '---', '---', '---')
    const caught = chosen.map((mutation) => tryOut(tree, mutation, values))
    const isSound = tryOutUnchanged(tree, chosen)
    return isSound && caught.every(Boolean) ? 0 : 1
  } finally {
    tree.remove()
  }
}

if (process.argv.includes('--mutations')) process.exitCode = await main(process.argv.slice(2))
