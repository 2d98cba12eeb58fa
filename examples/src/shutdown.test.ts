/** The program of `shutdown.ts`, as a process that gets a real signal. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBroker } from '@odradek/broker'
import { Kafka } from 'odradek'

const program = join(dirname(fileURLToPath(import.meta.url)), 'shutdown.js')

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends a process once what it has in hand is finished and committed`, {
    timeout: 60_000,
  }, async () => {
    await using broker = await startBroker({ topics: { orders: 1, results: 1 } })
    const { bootstrapServers } = broker
    await using kafka = new Kafka({ bootstrapServers })
    await using producer = kafka.producer()
    await producer.send(
      'orders',
      Array.from({ length: 100 }, (_, at) => ({ value: `${at}` })),
    )
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, BOOTSTRAP_SERVERS: bootstrapServers, NODE_TEST_CONTEXT: undefined },
    })
    const lines: string[] = []
    const ended = new Promise<unknown>((resolve) => {
      child.once('close', (code, by) => resolve([code, by]))
    })
    let isTold = false
    child.stdout.on('data', (chunk: Buffer) => {
      lines.push(...chunk.toString().trimEnd().split('\n'))
      if (isTold || !lines.includes('working on 2')) return
      isTold = true
      child.kill(signal)
    })
    // The exit code is the program's own: it was not killed.
    assert.deepEqual(await ended, [0, null], lines.join('\n'))
    const worked = lines.filter((line) => line.startsWith('working on'))
    assert.deepEqual(
      worked,
      worked.map((_, at) => `working on ${at}`),
    )
    assert.ok(worked.length < 10, 'nothing more was begun')
    assert.ok(lines.includes('the end') && lines.includes(`closed after ${signal}`), lines.join())
    await using admin = kafka.admin()
    const [committed] = (await admin.committedOffsets('worker')).get('orders') ?? []
    assert.equal(committed?.offset, worked.length)
    const results = (await admin.listOffsets({ results: 'latest' })).get('results')
    assert.equal(results?.[0]?.offset, worked.length)
  })
}
