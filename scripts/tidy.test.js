// The house rules as a test: which room may import which, which level of the client may look where,
// what a machine may not do, which globals are the environment's alone, and how big a file may be.
// ARCHITECTURE.md has the same rules in prose.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What each workspace may import of ours. */
const ROOMS = {
  'packages/environment': [],
  'packages/protocol': [],
  'packages/odradek': ['@odradek/environment', '@odradek/protocol'],
  'packages/broker': ['@odradek/environment', '@odradek/protocol'],
  simulation: ['*'],
  conformance: ['*'],
  benchmarks: ['*'],
  examples: ['odradek', '@odradek/broker'],
}

/** Levels inside the client: a folder imports its own level's folder or a lower level. */
const LEVELS = {
  errors: 0,
  events: 0,
  options: 0,
  serdes: 0,
  connection: 1,
  cluster: 2,
  producer: 3,
  consumer: 3,
  admin: 3,
  pipeline: 4,
  telemetry: 4,
}

/** Rooms whose code runs in simulated time: only the environment may touch the world. */
const DETERMINISTIC = ['packages/odradek', 'packages/protocol', 'packages/broker', 'simulation']

const BANNED = [
  [/\bDate\.now\b|\bnew Date\(\)/, 'the clock (Date)'],
  [/(?<![.\w])(setTimeout|setInterval|setImmediate|clearTimeout|queueMicrotask)\s*\(/, 'a timer'],
  [/\bprocess\.(nextTick|hrtime|on|once)\b/, 'process timers or signals'],
  [/(?<![.\w])performance\.now\b/, 'the clock (performance)'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\b(randomBytes|randomUUID|randomInt|getRandomValues)\s*\(/, 'randomness'],
  [/\bAbortSignal\.timeout\b/, 'AbortSignal.timeout'],
  [/(?<![.\w])fetch\s*\(\s*['"`]http/, 'fetch'],
  [/\bnew (WeakRef|FinalizationRegistry)\b/, 'weak references'],
  [
    /from '(node:)?(net|tls|dns|http|https|worker_threads|timers|timers\/promises|perf_hooks|dgram|child_process|cluster)(\/\w+)?'/,
    'a module of the world',
  ],
]

/** Tables and machines of pure data may be longer than the limit. */
const LONG_FILES = /errors\/(error-)?table\.ts$|\.vectors\.ts$|tidy\.test\.js$/
const MAX_LINES = 500
const MAX_COLUMNS = 100

function sources() {
  const found = []
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (['node_modules', 'dist', 'vectors', '.cache', '.git'].includes(entry.name)) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (/\.(ts|js)$/.test(entry.name)) found.push(relative(root, path))
    }
  }
  for (const room of [...Object.keys(ROOMS), 'scripts']) {
    if (existsSync(join(root, room))) visit(join(root, room))
  }
  return found.sort()
}

const files = sources().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
const roomOf = (path) => Object.keys(ROOMS).find((room) => path.startsWith(`${room}/`))
const isTest = (path) => /\.test\.(ts|js)$/.test(path)
const withoutComments = (text) =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')

function refuse(problems) {
  assert.deepEqual(problems, [], `\n${problems.join('\n')}\n`)
}

function importsOf(text) {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1])
}

test('rooms import only the rooms below them', () => {
  const problems = []
  for (const { path, text } of files) {
    const room = roomOf(path)
    if (room === undefined) continue
    const allowed = ROOMS[room]
    for (const name of importsOf(text)) {
      const ours = /^(odradek|@odradek\/[\w-]+)(\/|$)/.exec(name)?.[1]
      if (ours === undefined || allowed.includes('*') || allowed.includes(ours)) continue
      problems.push(`${path} imports ${name}, which its room (${room}) may not know`)
    }
  }
  refuse(problems)
})

test('levels of the client import only downwards', () => {
  const problems = []
  const src = 'packages/odradek/src/'
  for (const { path, text } of files) {
    if (!path.startsWith(src)) continue
    const from = path.slice(src.length).split('/')
    const level = from.length === 1 ? 5 : LEVELS[from[0]]
    if (level === undefined) {
      problems.push(
        `${path}: the folder ${from[0]} has no level; give it one here and in ARCHITECTURE.md`,
      )
      continue
    }
    for (const name of importsOf(text)) {
      if (!name.startsWith('.')) continue
      const target = join(dirname(path), name)
      if (!target.startsWith(src)) continue
      const to = target.slice(src.length).split('/')
      const targetLevel = to.length === 1 ? (to[0] === 'here.ts' ? 0 : 5) : (LEVELS[to[0]] ?? 5)
      if (to[0] === from[0] || targetLevel < level) continue
      if (isTest(path)) continue
      problems.push(`${path} (level ${level}) imports ${name} (level ${targetLevel})`)
    }
  }
  refuse(problems)
})

test('only the environment touches clocks, timers, chance, sockets and threads', () => {
  const problems = []
  for (const { path, text } of files) {
    if (!DETERMINISTIC.some((room) => path.startsWith(`${room}/`))) continue
    if (isTest(path) && !path.startsWith('simulation/')) continue
    const lines = withoutComments(text).split('\n')
    lines.forEach((line, index) => {
      for (const [pattern, what] of BANNED) {
        if (pattern.test(line))
          problems.push(`${path}:${index + 1} touches ${what}: ${line.trim()}`)
      }
    })
  }
  refuse(problems)
})

test('machines decide and do nothing else', () => {
  const problems = []
  for (const { path, text } of files) {
    if (!path.endsWith('.machine.ts')) continue
    const code = withoutComments(text)
    for (const word of ['async ', 'await ', 'Promise', 'environment', 'node:']) {
      if (code.includes(word)) problems.push(`${path} mentions "${word.trim()}": a machine is pure`)
    }
    if (!/^\s*\/\*\*/.test(text) && !/^\/\//.test(text)) {
      problems.push(`${path} has no header comment with its state table`)
    }
  }
  refuse(problems)
})

test('files stay short and lines stay readable', () => {
  const problems = []
  for (const { path, text } of files) {
    const lines = text.split('\n')
    if (lines.length > MAX_LINES + 1 && !LONG_FILES.test(path)) {
      problems.push(`${path} has ${lines.length} lines; ${MAX_LINES} is the limit`)
    }
    if (path.endsWith('.js')) continue
    lines.forEach((line, index) => {
      if (
        line.length > MAX_COLUMNS &&
        !/https?:\/\/|^\s*(\/\/ |\* )?\|/.test(line) &&
        !isTest(path)
      ) {
        problems.push(`${path}:${index + 1} is ${line.length} columns wide`)
      }
    })
  }
  refuse(problems)
})

test('there are no default exports, no TODO and no utils', () => {
  const problems = []
  for (const { path, text } of files) {
    if (!path.endsWith('.ts')) continue
    if (/^export default /m.test(text)) problems.push(`${path} has a default export`)
    if (/\b(TODO|FIXME|XXX)\b/.test(text)) problems.push(`${path} has a TODO`)
    if (/(^|\/)(utils?|helpers?|misc)\.ts$/.test(path)) problems.push(`${path}: name the concept`)
  }
  refuse(problems)
})
