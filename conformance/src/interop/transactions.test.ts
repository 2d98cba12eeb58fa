/**
 * Somebody else's transactional producer and reader of committed records on the embedded broker:
 * the Java client commits, aborts, commits offsets, is fenced and times out, in both versions of
 * the protocol.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startBroker } from '@odradek/broker'
import { whyNoJava } from '../kafka/java.ts'
import { javaProgram } from './peers.ts'

const ROUNDS = 20
const PER_ROUND = 5

for (const level of [1, 2]) {
  const title = `the Java client's transactions on the embedded broker, transaction.version ${level}`
  test(title, { timeout: 120_000, skip: whyNoJava() ?? false }, async () => {
    const cluster = await startBroker({
      brokers: 2,
      topics: { output: 2 },
      features: { 'transaction.version': level },
    })
    const requests = new Set<string>()
    cluster.on('request', ({ api, version }) => requests.add(`${api} ${version}`))
    try {
      const [program, ...args] = javaProgram('Transactions')
      const { stdout, stderr } = await promisify(execFile)(program, [
        ...args,
        cluster.bootstrapServers,
        'output',
        'java-group',
      ])
      const lines = stdout.trim().split('\n')
      const said = lines.filter((line) => !line.startsWith('read '))
      const reading = lines.filter((line) => line.startsWith('read '))
      assert.deepEqual(
        said,
        [
          'first is fenced',
          'the transaction timed out',
          `offset ${ROUNDS}`,
          'state CompleteAbort',
          'listed 1',
          'done',
        ],
        stderr,
      )
      for (const partition of [0, 1]) {
        const expected: string[] = []
        for (let round = 0; round < ROUNDS; round++) {
          // Every third one was aborted.
          if (round % 3 === 2) continue
          for (let n = 0; n < PER_ROUND; n++) {
            if (n % 2 === partition) expected.push(`c${round}.${n}`)
          }
        }
        if (partition === 1) expected.push('second')
        assert.deepEqual(
          reading.filter((line) => line.startsWith(`read ${partition} `)),
          expected.map((value) => `read ${partition} ${value}`),
        )
      }
      assert.equal(requests.has('EndTxn 5'), level === 2)
      assert.equal(requests.has('AddOffsetsToTxn 4'), level === 1)
    } finally {
      await cluster.close()
    }
  })
}
