import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { UsageError } from 'odradek'
import { scenario, ownKafkaScenario, type Scenario } from './clusters.ts'
import { byOffset, hear, numbered, produce, type Setup, take, until } from './share-setup.ts'

scenario('S40 share: the lock is kept while a handler works', async (it) => {
  const configs = { 'share.record.lock.duration.ms': 1000 }
  const { consumer } = await numbered(it, 3, { configs })
  const slow = consumer()
  const late = hear(slow, 'acknowledgementLate')
  const seen: number[] = []
  const running = slow.run(async ({ offset }, { signal, renew }) => {
    seen.push(offset)
    if (offset === 0) {
      await renew()
      await sleep(3500, undefined, { signal })
    }
  })
  await until('the slow one works', () => seen.length === 1)
  // Those that wait behind it are kept, too: it is alive, and they are few.
  await using other = consumer({}, it.client())
  const stolen: number[] = []
  const watching = other.run(({ offset }) => stolen.push(offset))
  await until('it is through', () => seen.length === 3)
  await slow.commit()
  assert.deepEqual([seen, stolen, late], [[0, 1, 2], [], []])
  await slow.close()
  await other.close()
  await Promise.all([running, watching])
})

scenario(
  'S40 share: a handler beyond maxPollIntervalMs loses its record, and hears of it',
  async (it) => {
    const configs = { 'share.record.lock.duration.ms': 1000 }
    const { consumer } = await numbered(it, 1, { configs })
    await using stuck = consumer({ maxPollIntervalMs: 1200 })
    const late = hear(stuck, 'acknowledgementLate')
    const reasons: unknown[] = []
    const counts: number[] = []
    stuck
      .run(async (_record, { signal, deliveryCount }) => {
        counts.push(deliveryCount)
        if (deliveryCount > 1) return
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        reasons.push(signal.reason)
      })
      .catch(() => {})
    await until('it comes again', () => counts.length === 2)
    assert.deepEqual([counts, reasons, late.length], [[1, 2], ['timeout'], 1])
    assert.equal(late[0]?.acknowledgement, null)
  },
)

interface Member {
  readonly process: ChildProcess
  readonly lines: { readonly offset?: number; readonly late?: number }[]
}

function startMember(it: Scenario, { groupId, topic }: Setup): Member {
  const program = fileURLToPath(new URL('./share-member.js', import.meta.url))
  const child = spawn(process.execPath, [program, it.bootstrapServers, groupId, topic], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Member['lines'] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Member['lines'][number])
  })
  return { process: child, lines }
}

scenario('S40 share: the records of a killed member come back at once', async (it) => {
  const setup = await numbered(it, 4)
  const { process: child, lines } = startMember(it, setup)
  await until('it has them', () => lines.length === 4)
  child.kill('SIGKILL')
  await using two = setup.consumer()
  const seen = await take(two, 4)
  assert.deepEqual(seen.sort(byOffset), [
    [0, 2],
    [1, 2],
    [2, 2],
    [3, 2],
  ])
})

scenario(
  'S40 share: those of a suspended member come back when their locks run out',
  async (it) => {
    const configs = { 'share.record.lock.duration.ms': 1500 }
    const setup = await numbered(it, 4, { configs })
    const { process: child, lines } = startMember(it, setup)
    try {
      await until('it has them', () => lines.length === 4)
      child.kill('SIGSTOP')
      const stoppedAt = Date.now()
      await using two = setup.consumer()
      const seen = await take(two, 4)
      assert.deepEqual(
        seen.map(([, count]) => count),
        [2, 2, 2, 2],
      )
      const tookMs = Date.now() - stoppedAt
      assert.ok(tookMs < 10_000, `it took ${tookMs} ms`)
      await two.commit()
      child.kill('SIGCONT')
      await until(
        'it hears of it',
        () => lines.filter(({ late }) => late !== undefined).length === 4,
      )
    } finally {
      child.kill('SIGKILL')
    }
  },
)

ownKafkaScenario(
  'S40 share: a leader that is killed and restarted loses nothing',
  { properties: { 'group.share.record.lock.duration.ms': 2000 } },
  async (it, kafka) => {
    const COUNT = 2000
    const { consumer, topic } = await numbered(it, 0, { partitions: 3 })
    const [nodeId = 1] = kafka.nodeIds
    const accepted = new Map<number, number>()
    const members = [0, 1].map(() => consumer({}, it.client()))
    const runs = members.map((member) =>
      member.run(
        async ({ value }) => {
          await sleep(1)
          const id = Number(value)
          accepted.set(id, (accepted.get(id) ?? 0) + 1)
        },
        { concurrency: 4 },
      ),
    )
    await produce(it.client(), topic, 0, COUNT, 3)
    await until('some are through', () => accepted.size > COUNT / 10)
    await kafka.kill(nodeId)
    await sleep(500)
    await kafka.restart(nodeId)
    await until('all came', () => accepted.size === COUNT, 60_000)
    await produce(it.client(), topic, COUNT, COUNT + 10, 3)
    await until('what is new comes, too', () => accepted.size === COUNT + 10)
    const summaries = await Promise.all(members.map((member) => member.close()))
    await Promise.all(runs)
    assert.deepEqual(
      summaries.flatMap(({ unacknowledged }) => unacknowledged),
      [],
    )
  },
)

ownKafkaScenario(
  'share: a cluster without share groups gives one clear error',
  { version: '4.0.1' },
  async (it) => {
    const topic = await it.topic()
    const one = it.client().shareConsumer({ groupId: 'g', topics: [topic] })
    const failed = hear(one, 'runFailed')
    await assert.rejects(
      one.run(() => {}),
      (error: UsageError) => {
        assert.equal(error.code, 'UNSUPPORTED_VERSION')
        assert.match(error.message, /This cluster has no share groups/)
        return true
      },
    )
    await sleep(500)
    assert.equal(failed.length, 1)
    assert.deepEqual(await one.close(), { unacknowledged: [] })
  },
)
