// The house rules as a test: which room may import which, which level of a package may look where,
// what a machine may not do, which globals are the environment's alone, and how big a file may be.
// ARCHITECTURE.md has the same rules in prose; the tables of levels are read from it.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { circlesOf, graphOf, importsOf, levelsOf, mayImport, placeOf } from './import-graph.js'

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

/** Packages whose folders have levels: the heading of their table in ARCHITECTURE.md. */
const LEVELED = {
  'packages/odradek': 'Levels of the client',
  'packages/broker': 'Levels of the broker',
}
/** Files at the root of `src` that every folder may import, because they import nothing of ours. */
const GROUND = ['packages/odradek/src/here.ts']

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

const architecture = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')

for (const [room, heading] of Object.entries(LEVELED)) {
  test(`folders of ${room} import only downwards`, () => {
    const problems = []
    const src = `${room}/src/`
    const levels = levelsOf(architecture, heading)
    for (const folder of levels.flat()) {
      if (existsSync(join(root, src, folder))) continue
      problems.push(`ARCHITECTURE.md gives a level to ${src}${folder}, which does not exist`)
    }
    for (const { path, text } of files) {
      if (!path.startsWith(src) || GROUND.includes(path)) continue
      const from = placeOf(path.slice(src.length), levels)
      if (from === undefined) {
        problems.push(`${path}: its folder has no level; give it one in ARCHITECTURE.md`)
        continue
      }
      if (isTest(path)) continue
      for (const name of importsOf(text)) {
        const target = join(dirname(path), name)
        if (!name.startsWith('.') || !target.startsWith(src) || GROUND.includes(target)) continue
        const to = placeOf(target.slice(src.length), levels)
        if (to === undefined || mayImport(from, to)) continue
        problems.push(
          `${path} (${from.folder}, level ${from.level}) imports ${name} (level ${to.level})`,
        )
      }
    }
    refuse(problems)
  })
}

test('no files import each other in a circle, imports of types included', () => {
  const circles = circlesOf(graphOf(files))
  refuse(circles.map((paths) => `a circle of imports: ${[...paths, paths[0]].join(' -> ')}`))
})

test('circles and levels are found', () => {
  const file = (path, ...names) => ({
    path: `src/${path}`,
    text: names.map((name) => `import type { X } from '${name}'\n`).join(''),
  })
  const found = circlesOf(
    graphOf([
      file('top.ts', './a/one.ts'),
      file('a/one.ts', '../b/two.ts', './leaf.ts'),
      file('b/two.ts', '../c/three.ts', '../c/four.ts'),
      file('c/four.ts', '../c/three.ts'),
      file('c/three.ts', '../a/one.ts', 'node:fs'),
      file('a/leaf.ts'),
      file('a/self.ts', './self.ts'),
    ]),
  )
  assert.deepEqual(found, [['src/a/one.ts', 'src/b/two.ts', 'src/c/three.ts'], ['src/a/self.ts']])
  const levels = levelsOf(
    '## L\n| level | folder |\n| 0 | `a/`, `b/` | x |\n| 1 | `c/` | y |\n| 2 | `c/d/`, `e/` |\n## Next',
    'L',
  )
  assert.deepEqual(levels, [['a', 'b'], ['c'], ['c/d', 'e']])
  const may = (from, to) => mayImport(placeOf(from, levels), placeOf(to, levels))
  assert.equal(may('c/x.ts', 'a/y.ts'), true)
  assert.equal(may('b/x.ts', 'a/y.ts'), true)
  assert.equal(may('a/x.ts', 'b/y.ts'), false)
  assert.equal(may('c/x.ts', 'c/d/y.ts'), false)
  assert.equal(may('c/d/x.ts', 'e/y.ts'), false)
  assert.equal(may('index.ts', 'e/y.ts'), true)
  assert.equal(placeOf('z/x.ts', levels), undefined)
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
