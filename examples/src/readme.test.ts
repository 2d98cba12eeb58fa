/** What the README shows is what these programs are, and they do what it says. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBroker } from '@odradek/broker'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')

test('every block of TypeScript in the README is one of these files, to the letter', () => {
  const sources = join(root, 'examples', 'src')
  const files = readdirSync(sources).map((name) => readFileSync(join(sources, name), 'utf8'))
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/^```(?:ts|js|typescript|javascript)\n(.*?)^```$/gms)]
  assert.ok(blocks.length > 0, 'the README shows code')
  for (const [, block] of blocks) {
    assert.ok(files.includes(block ?? ''), `no file in examples/src is this block:\n\n${block}`)
  }
})

test('what is produced is consumed, until the consumer is told to stop', {
  timeout: 60_000,
}, async () => {
  const broker = await startBroker({ topics: { orders: 3 } })
  try {
    const producer = start('produce.js', broker.bootstrapServers)
    assert.equal(await producer.exit, 0, producer.output())
    assert.match(producer.output(), /^written to partition \d at offset 0\n100 more are written\n$/)
    const consumer = start('consume.js', broker.bootstrapServers)
    await consumer.until((output) => output.split('\n').length > 101)
    consumer.child.kill('SIGTERM')
    assert.equal(await consumer.exit, 0, consumer.output())
    assert.match(consumer.output(), /^order o-1 of 3 /m)
    assert.match(consumer.output(), /^order o-99 of 99 /m)
  } finally {
    await broker.close()
  }
})

test('an aborted transaction is seen by nobody, and its orders come again', {
  timeout: 60_000,
}, async () => {
  const broker = await startBroker()
  try {
    const program = start('exactly-once.js', broker.bootstrapServers)
    assert.equal(await program.exit, 0, program.output())
    assert.match(program.output(), /^Aborted: .*\n.*committed 20 orders\.\n20 invoices can be read/)
  } finally {
    await broker.close()
  }
})

function start(program: string, bootstrapServers: string) {
  const child: ChildProcess = spawn(process.execPath, [join(here, program)], {
    env: { ...process.env, BOOTSTRAP_SERVERS: bootstrapServers, NODE_TEST_CONTEXT: undefined },
  })
  let output = ''
  const changed = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      for (const listener of changed) listener()
    })
  }
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  const until = (holds: (output: string) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => void (holds(output) && resolve())
      changed.add(check)
      check()
      void exit.then((code) => reject(new Error(`${program} ended (${code}):\n${output}`)))
    })
  return { child, exit, until, output: () => output }
}
