/** Groups of several members, as users see them. */
import assert from 'node:assert/strict'
import type { ClientEvents, Consumer, Kafka } from 'odradek'
import { type Scenario, scenario } from './clusters.ts'

type Rebalanced = ClientEvents['rebalanced']

interface Member {
  readonly consumer: Consumer
  readonly rebalances: Rebalanced[]
  /** Partitions that it has, by the last rebalance. */
  readonly count: number
  /** Resolves when `isReached` holds after a rebalance. */
  until(isReached: () => boolean): Promise<void>
}

function member(kafka: Kafka, options: Parameters<Kafka['consumer']>[0]): Member {
  const consumer = kafka.consumer(options) as Consumer
  const rebalances: Rebalanced[] = []
  let waiting: { isReached: () => boolean; resolve: () => void }[] = []
  consumer.on('rebalanced', (event) => {
    rebalances.push(event)
    waiting = waiting.filter(({ isReached, resolve }) => {
      if (!isReached()) return true
      resolve()
      return false
    })
  })
  return {
    consumer,
    rebalances,
    get count() {
      return rebalances.at(-1)?.assigned.length ?? 0
    },
    until: (isReached) =>
      new Promise((resolve) => {
        if (isReached()) resolve()
        else waiting.push({ isReached, resolve })
      }),
  }
}

/** Members that count what they get, until everything was seen. */
class Counted {
  readonly seen = new Map<string, number>()
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  async read(consumer: Consumer): Promise<void> {
    for await (const record of consumer) {
      const value = String(record.value)
      this.seen.set(value, (this.seen.get(value) ?? 0) + 1)
      for (const { count, resolve } of this.#waiting) if (this.seen.size >= count) resolve()
    }
  }

  until(count: number): Promise<void> {
    if (this.seen.size >= count) return Promise.resolve()
    return new Promise((resolve) => void this.#waiting.push({ count, resolve }))
  }

  get duplicates(): number {
    return [...this.seen.values()].filter((times) => times > 1).length
  }
}

async function send(it: Scenario, topic: string, from: number, to: number): Promise<void> {
  await using producer = it.client().producer()
  const records = Array.from({ length: to - from }, (_, index) => ({ value: String(from + index) }))
  await producer.send(topic, records)
}

const owned = (members: readonly Member[]): number[] =>
  members.map(({ count }) => count).sort((a, b) => b - a)

scenario(
  'three members share the partitions; one leaves, and nothing is lost or read twice',
  async (it) => {
    const topic = await it.topic(6)
    const groupId = it.uniqueName('group')
    const options = { groupId, topics: [topic], startFrom: 'earliest' } as const
    const counted = new Counted()
    const members = [1, 2, 3].map(() => member(it.client(), options))
    const loops = members.map(({ consumer }) => counted.read(consumer))
    const isEven = (): boolean => owned(members).join() === '2,2,2'
    await Promise.race(members.map((one) => one.until(isEven)))
    await send(it, topic, 0, 600)
    await counted.until(600)
    const [leaver, ...rest] = members as [Member, ...Member[]]
    const { uncommitted } = await leaver.consumer.close()
    assert.deepEqual(uncommitted, [])
    await Promise.race(rest.map((one) => one.until(() => owned(rest).join() === '3,3')))
    await send(it, topic, 600, 1200)
    await counted.until(1200)
    assert.equal(counted.duplicates, 0)
    for (const { consumer } of rest) await consumer.close()
    await Promise.all(loops)
    await using admin = it.client().admin()
    assert.equal((await admin.lag(groupId)).lag, 0)
  },
)

scenario('cooperative: what a member keeps is never taken away while others come', async (it) => {
  const topic = await it.topic(6)
  const options = { groupId: it.uniqueName('g'), topics: [topic], startFrom: 'earliest' } as const
  const first = member(it.client(), options)
  const counted = new Counted()
  const loops = [counted.read(first.consumer)]
  await first.until(() => first.count === 6)
  const second = member(it.client(), options)
  loops.push(counted.read(second.consumer))
  await second.until(() => second.count === 3)
  const revoked = first.rebalances.flatMap((event) => event.revoked)
  assert.equal(revoked.length, 3)
  const kept = first.rebalances.at(-1)?.assigned.map(({ partition }) => partition) ?? []
  // A broker that has not heard of the topic yet may begin by giving nothing of it.
  const begins = first.rebalances.findIndex(({ assigned }) => assigned.length === 6)
  for (const { assigned } of first.rebalances.slice(begins)) {
    const partitions = new Set(assigned.map(({ partition }) => partition))
    assert.ok(kept.every((partition) => partitions.has(partition)))
  }
  await first.consumer.close()
  await second.until(() => second.count === 6)
  await second.consumer.close()
  await Promise.all(loops)
})

scenario('S20 a static member that restarts within its session moves no partition', async (it) => {
  const topic = await it.topic(4)
  const base = { groupId: it.uniqueName('g'), topics: [topic], startFrom: 'earliest' } as const
  const counted = new Counted()
  const other = member(it.client(), { ...base, groupInstanceId: 'b' })
  const first = member(it.client(), { ...base, groupInstanceId: 'a' })
  const loops = [counted.read(other.consumer), counted.read(first.consumer)]
  await Promise.race(
    [other, first].map((one) => one.until(() => owned([other, first]).join() === '2,2')),
  )
  await first.consumer.close()
  const before = other.rebalances.length
  const again = member(it.client(), { ...base, groupInstanceId: 'a' })
  loops.push(counted.read(again.consumer))
  await again.until(() => again.count === 2)
  assert.equal(other.rebalances.length, before)
  await send(it, topic, 0, 100)
  await counted.until(100)
  for (const one of [other, again]) await one.consumer.close({ group: 'leave' })
  await Promise.all(loops)
})

scenario('members with range and with cooperative-sticky find common ground', async (it) => {
  const topic = await it.topic(4)
  const base = { groupId: it.uniqueName('g'), topics: [topic], startFrom: 'earliest' } as const
  const counted = new Counted()
  const modern = member(it.client(), base)
  const loops = [counted.read(modern.consumer)]
  await modern.until(() => modern.count === 4)
  const old = member(it.client(), { ...base, partitionAssignors: ['range'] })
  loops.push(counted.read(old.consumer))
  await Promise.race(
    [modern, old].map((one) => one.until(() => owned([modern, old]).join() === '2,2')),
  )
  await send(it, topic, 0, 200)
  await counted.until(200)
  for (const one of [modern, old]) await one.consumer.close()
  await Promise.all(loops)
})

scenario(
  'hooks are called with what comes and goes, and what is revoked has been committed',
  async (it) => {
    const topic = await it.topic(2)
    const groupId = it.uniqueName('g')
    const calls: string[] = []
    const note = (what: string) => (partitions: readonly { readonly partition: number }[]) => {
      calls.push(
        `${what} ${partitions
          .map(({ partition }) => partition)
          .sort((a, b) => a - b)
          .join()}`,
      )
    }
    const options = { groupId, topics: [topic], startFrom: 'earliest' } as const
    await send(it, topic, 0, 50)
    const counted = new Counted()
    const kafka = it.client()
    const consumer = kafka.consumer({
      ...options,
      onAssigned: note('assigned'),
      onRevoked: note('revoked'),
      onLost: note('lost'),
    })
    const loop = counted.read(consumer)
    await counted.until(50)
    await consumer.close()
    await loop
    assert.deepEqual(calls, ['assigned 0,1', 'revoked 0,1'])
    await using admin = it.client().admin()
    assert.equal((await admin.lag(groupId)).lag, 0)
  },
)

scenario(
  'topics come and go without leaving the group: what stays goes on undisturbed',
  async (it) => {
    const [first, second] = [await it.topic(2), await it.topic(2)]
    const options = { groupId: it.uniqueName('g'), topics: [first], startFrom: 'earliest' } as const
    const one = member(it.client(), options)
    const counted = new Counted()
    const loop = counted.read(one.consumer)
    await one.until(() => one.count === 2)
    one.consumer.subscribe([first, second])
    await one.until(() => one.count === 4)
    await send(it, second, 0, 20)
    await counted.until(20)
    assert.deepEqual(
      one.rebalances.flatMap(({ revoked }) => revoked),
      [],
    )
    one.consumer.subscribe([second])
    await one.until(() => one.count === 2)
    assert.deepEqual(
      one.consumer.assigned.map(({ topic }) => topic),
      [second, second],
    )
    assert.throws(() => one.consumer.subscribe([]), { code: 'USAGE' })
    await one.consumer.close()
    await loop
  },
)
