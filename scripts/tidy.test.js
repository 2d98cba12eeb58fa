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

/**
 * Levels inside the client, lowest first. A folder imports lower levels and itself; folders of one
 * level do not know each other, except in the lowest, where each may import those named before it.
 * The folder with the longest name that matches is a file's own: `consumer` is what lies in
 * `consumer/` itself. Files at the root of `src` are the top (`index.ts`, `internal.ts`,
 * `kafka.ts`), but `here.ts`, which knows nothing and is known to all.
 */
const LEVELS = [
  ['errors', 'events', 'async', 'options', 'serdes'],
  ['connection'],
  ['cluster'],
  ['producer', 'admin', 'groups/shell', 'groups/assignors'],
  ['groups/classic', 'groups/consumer', 'groups/share'],
  ['groups/heartbeat-thread'],
  ['groups'],
  ['consumer/options'],
  ['consumer/partition'],
  ['consumer/commit'],
  ['consumer/positions'],
  ['consumer/fetch'],
  ['consumer/delivery'],
  ['consumer/progress'],
  ['consumer'],
  ['share-consumer', 'telemetry'],
]
const TOP = LEVELS.length

/** Rooms whose code runs in simulated time: only the environment may touch the world. */
const DETERMINISTIC = ['packages/odradek', 'packages/protocol', 'packages/broker', 'simulation']

const WORLD_MODULES =
  /^(node:)?(child_process|cluster|dgram|dns|fs\/promises|http|http2|https|inspector|net|os|perf_hooks|readline|repl|timers|tls|trace_events|tty|v8|vm|worker_threads)(\/\w+)?$/

/** What code in simulated time may not name; comments and strings are not looked at. */
const BANNED = [
  [/(?<!new )(?<![:|<&]\s*)\bDate\b(?!\.(UTC|parse)\b)|\bnew Date\(\s*\)/, 'the clock (Date)'],
  [/(?<![.\w#])performance\b(?!\s*[:?])/, 'the clock (performance)'],
  [/(?<![.\w#])(set|clear)(Timeout|Interval|Immediate)\b/, 'a timer'],
  [/(?<![.\w#])queueMicrotask\b/, 'a queue of the event loop (queueMicrotask)'],
  [/\b(globalThis|global)\b/, 'the global object'],
  [
    /\bprocess\.(nextTick|hrtime|uptime|pid|ppid|cpuUsage|memoryUsage|resourceUsage|kill|abort)\b/,
    'the process (clock, ticks, chance)',
  ],
  [
    /\bprocess\.(on|once|off|emit|addListener|prependListener|removeListener|removeAllListeners)\b/,
    'signals and events of the process',
  ],
  [/\bMath\.random\b/, 'Math.random'],
  [
    /(?<![.\w#]|environment\.random\.)(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues|webcrypto|generateKeyPair|generateKey)\b|\bcrypto\.(random|getRandom|subtle|webcrypto)/,
    'chance (crypto)',
  ],
  [
    /\b(pbkdf2|scrypt|hkdf|checkPrime|generatePrime)\b|\bpromisify\b/,
    'work on a thread of the pool (use the Sync form)',
  ],
  [
    /\b(createGzip|createGunzip|createDeflate|createInflate|createUnzip|createBrotli\w+|createZstd\w+)\b/,
    'a stream of zlib (use the Sync form)',
  ],
  [/\bAbortSignal\.timeout\b/, 'AbortSignal.timeout'],
  [
    /(?<![.\w#])(fetch\s*\((?!\w+:)|new (WebSocket|EventSource|Worker|MessageChannel|BroadcastChannel|XMLHttpRequest)\b)/,
    'network or threads (fetch, WebSocket, Worker, channels)',
  ],
  [/\bAtomics\.(wait|waitAsync)\b/, 'waiting of threads (Atomics.wait)'],
  [/\b(WeakRef|FinalizationRegistry)\b/, 'the garbage collector (weak references)'],
  [
    /\bMath\.pow\b|(?<!\b(2n?|10n?)\s*)(?<!\/)\*\*(?![/*])/,
    'powers (engines differ; only whole powers of 2 and 10 are safe)',
  ],
]
/** Of node:zlib, the forms with callbacks work on a thread of the pool, whose turn nobody knows. */
const ZLIB_ASYNC =
  /^(gzip|gunzip|deflate|deflateRaw|inflate|inflateRaw|unzip|brotli(Com|Decom)press|zstd(Com|Decom)press)$/

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
const isTest = (path) => /\.test(-kit)?\.(ts|js)$/.test(path)
const withoutComments = (text) =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
const withoutStrings = (text) => text.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")

function refuse(problems) {
  assert.deepEqual(problems, [], `\n${problems.join('\n')}\n`)
}

function importsOf(text) {
  return [...text.matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1],
  )
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

const FOLDERS = LEVELS.flat().sort((a, b) => b.length - a.length)

/** A place in the client: its level, its rank inside the lowest level, and its name. */
function placeOf(parts) {
  if (parts.length === 1) {
    return { folder: 'src', level: parts[0] === 'here.ts' ? -1 : TOP, rank: 0 }
  }
  const path = parts.join('/')
  const folder = FOLDERS.find((one) => path.startsWith(`${one}/`)) ?? parts[0]
  const level = LEVELS.findIndex((folders) => folders.includes(folder))
  return { folder, level, rank: level === 0 ? LEVELS[0].indexOf(folder) : 0 }
}

test('levels of the client import only downwards', () => {
  const problems = []
  const src = 'packages/odradek/src/'
  for (const { path, text } of files) {
    if (!path.startsWith(src)) continue
    const from = placeOf(path.slice(src.length).split('/'))
    if (from.level === -1 && from.folder !== 'src') {
      problems.push(
        `${path}: the folder ${from.folder} has no level; give it one here and in ARCHITECTURE.md`,
      )
      continue
    }
    if (isTest(path)) continue
    for (const name of importsOf(text)) {
      if (!name.startsWith('.')) continue
      const target = join(dirname(path), name)
      if (!target.startsWith(src)) continue
      const to = placeOf(target.slice(src.length).split('/'))
      const isDownwards = to.level < from.level || (to.level === from.level && to.rank < from.rank)
      if (to.folder === from.folder || isDownwards) continue
      problems.push(
        `${path} (${from.folder}, level ${from.level}) imports ${name} (level ${to.level})`,
      )
    }
  }
  refuse(problems)
})

test('only the environment touches clocks, timers, chance, sockets and threads', () => {
  const problems = []
  for (const { path, text } of files) {
    if (!DETERMINISTIC.some((room) => path.startsWith(`${room}/`))) continue
    if (isTest(path) && !path.startsWith('simulation/')) continue
    for (const name of importsOf(text)) {
      if (WORLD_MODULES.test(name)) problems.push(`${path} imports ${name}, a module of the world`)
    }
    const code = withoutComments(text)
    for (const match of code.matchAll(/import \{([^}]*)\} from '(?:node:)?zlib'/g)) {
      for (const name of match[1].split(',').map((word) => word.trim().split(' ')[0])) {
        if (ZLIB_ASYNC.test(name)) problems.push(`${path} imports ${name}: use ${name}Sync`)
      }
    }
    const lines = withoutStrings(code).split('\n')
    lines.forEach((line, index) => {
      for (const [pattern, what] of BANNED) {
        if (pattern.test(line))
          problems.push(`${path}:${index + 1} touches ${what}: ${line.trim()}`)
      }
    })
  }
  refuse(problems)
})

test('the list of what is banned catches what it names and nothing else', () => {
  const isBanned = (line) => BANNED.some(([pattern]) => pattern.test(withoutStrings(line)))
  const caught = [
    'const now = Date.now()',
    'const { now } = Date',
    'new Date()',
    'setTimeout(run, 5)',
    'schedule(setImmediate)',
    'globalThis.setTimeout(run)',
    'process.nextTick(run)',
    "process.once('SIGTERM', stop)",
    'performance.now()',
    'Math.random()',
    'crypto.randomUUID()',
    'randomBytes(16)',
    'await promisify(zlib.gzip)(bytes)',
    'pbkdf2(password, salt, n, 32, hash, done)',
    'AbortSignal.timeout(50)',
    "await fetch('http://x')",
    'new WeakRef(owner)',
    'new Worker(url)',
    'x ** 0.5',
    'Math.pow(x, 2)',
  ]
  const passed = [
    'new Date(record.timestamp).toISOString()',
    'environment.timers.set(5, run)',
    'socket.setTimeout(5)',
    'pbkdf2Sync(password, salt, n, 32, hash)',
    'environment.random.bytes(16)',
    'this.fetch(partition)',
    'signal.aborted',
    "throw new Error('no Date here, and no Math.random')",
    'size = 2 ** bits',
    'stopAfter: number',
    'this.#performance.count++',
  ]
  assert.deepEqual(
    caught.filter((line) => !isBanned(line)),
    [],
  )
  assert.deepEqual(passed.filter(isBanned), [])
})

test('machines decide and do nothing else', () => {
  const problems = []
  for (const { path, text } of files) {
    if (!path.endsWith('.machine.ts')) continue
    const code = withoutComments(text)
    for (const word of ['async ', 'await ', 'Promise', 'environment', 'node:']) {
      if (code.includes(word)) problems.push(`${path} mentions "${word.trim()}": a machine is pure`)
    }
    if (!/^(\s*\/\*\*|\/\/)/.test(text)) {
      problems.push(`${path} has no header comment with its state table`)
    }
  }
  refuse(problems)
})

/** One string, template or pattern, with its key: the formatter cannot break it, nor can a person. */
const ONE_LITERAL =
  /^\s*(?:(?:return|\?|:|\+|[\w.'"]+\s*[:=])\s*)*(['"`/])(?:(?!\1).|\\.)*\1\w*[,;)\]} ]*$/

test('files stay short and lines stay readable', () => {
  const problems = []
  for (const { path, text } of files) {
    const lines = text.split('\n')
    if (lines.length > MAX_LINES + 1 && !LONG_FILES.test(path)) {
      problems.push(`${path} has ${lines.length} lines; ${MAX_LINES} is the limit`)
    }
    if (path.endsWith('.js')) continue
    lines.forEach((line, index) => {
      if (line.length <= MAX_COLUMNS || isTest(path)) return
      if (/https?:\/\/|^\s*(\/\/ |\* )?\|/.test(line) || ONE_LITERAL.test(line)) return
      problems.push(`${path}:${index + 1} is ${line.length} columns wide`)
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
