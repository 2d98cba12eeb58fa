import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Thread, ThreadModule } from '../environment.ts'
import { until } from '../peers.test-kit.ts'
import { realEnvironment } from './real-environment.ts'
import { threadContext } from './thread-context.ts'

const here = import.meta.url
const { threads } = realEnvironment
const UNUSED = (): void => assert.fail('a real thread is not run inline')

function start(module: ThreadModule, counter = new Int32Array(new SharedArrayBuffer(4))) {
  const thread: Thread = threads.start({ module, data: { counter }, inline: UNUSED })
  const heard: unknown[] = []
  thread.onMessage((message) => void heard.push(message))
  let isGone = false
  let failure: Error | undefined
  thread.onExit((error) => {
    isGone = true
    failure = error
  })
  /** Waits by timers: a thread alone does not keep a process alive. */
  const exit = async (): Promise<Error | undefined> => {
    await until(realEnvironment, () => isGone)
    return failure
  }
  return { thread, heard, exit, counter }
}

test('a thread responds, shares memory, and continues while the loop is blocked', {
  timeout: 20_000,
}, async () => {
  const { thread, heard, exit, counter } = start(new URL('./echo-thread.test-kit.js', here))
  thread.post({ n: 1 })
  await until(realEnvironment, () => heard.length === 1)
  assert.deepEqual(heard, [{ echo: { n: 1 }, at: true }])
  const before = Atomics.load(counter, 0)
  const blockedUntil = performance.now() + 200
  while (performance.now() < blockedUntil);
  assert.ok(Atomics.load(counter, 0) - before > 20, 'it counted meanwhile')
  await thread.terminate()
  assert.equal(await exit(), undefined)
})

test('a thread that fails reports its error when it ends', { timeout: 20_000 }, async () => {
  const { thread, exit } = start(new URL('./echo-thread.test-kit.js', here))
  thread.post('fail')
  assert.match(String(await exit()), /asked to fail/)
})

test('a module that is missing is a thread that fails', { timeout: 20_000 }, async () => {
  const { exit } = start(new URL('./nowhere.js', here))
  assert.match(String(await exit()), /nowhere/)
})

test('a thread may be a CommonJS module', { timeout: 20_000 }, async () => {
  // The CommonJS build of this package: what a thread of a CommonJS program is made of.
  const built = new URL('../../cjs/index.js', here)
  const folder = mkdtempSync(join(tmpdir(), 'odradek-thread-'))
  const file = join(folder, 'thread.cjs')
  writeFileSync(
    file,
    `"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.run = exports.threadContext = void 0;
const environment_1 = require(${JSON.stringify(built.pathname)});
Object.defineProperty(exports, "threadContext", { enumerable: true, get: function () { return environment_1.threadContext; } });
function run(context) { context.onMessage((message) => context.post(message + 1)) }
exports.run = run;
`,
  )
  const { thread, heard } = start(pathToFileURL(file))
  thread.post(41)
  await until(realEnvironment, () => heard.length === 1)
  assert.deepEqual(heard, [42])
  await thread.terminate()
  rmSync(folder, { recursive: true })
})

test('a thread may be a source that needs no file', { timeout: 20_000 }, async () => {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    parentPort.on('message', (message) => {
      parentPort.postMessage([message, workerData.data.counter.length])
    })`
  const { thread, heard } = start({ source })
  thread.post(41)
  await until(realEnvironment, () => heard.length === 1)
  assert.deepEqual(heard, [[41, 1]])
  await thread.terminate()
})

test('threadContext throws outside of a worker thread', () => {
  assert.throws(() => threadContext(), /must be called in a worker thread/)
})
