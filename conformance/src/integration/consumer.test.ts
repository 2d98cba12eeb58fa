/** Where a consumer reads from, and what it makes of what it finds. */
import assert from 'node:assert/strict'
import {
  apis,
  DecodeError,
  json,
  string,
  topic as topicOf,
  UsageError,
  type Consumer,
} from 'odradek'
import { scenario } from './clusters.ts'
import { numbered, numbers, take } from './numbered.test-kit.ts'

scenario(
  'S9 latest is the instant of the first start: nothing since is skipped, restarts included',
  async (it) => {
    const { consumer, topic } = await numbered(it, 5)
    const kafka = it.client()
    await using producer = kafka.producer()
    const first = consumer({ startFrom: 'latest' })
    const pinned = new Promise((resolve) => first.on('committed', resolve))
    const iterator = first[Symbol.asyncIterator]()
    const next = iterator.next()
    await pinned
    await first.close()
    assert.equal((await next).done, true)
    await producer.send(topic, [{ value: '5' }, { value: '6' }])
    await using second = consumer({ startFrom: 'latest' })
    assert.deepEqual(await take(second, 2), ['5', '6'])
  },
)

scenario('S10 a group starts where startFrom says, and "fail" says that it cannot', async (it) => {
  const { topic } = await numbered(it, 0)
  const kafka = it.client()
  await using producer = kafka.producer()
  const now = Date.now()
  const at = [now - 60_000, now - 30_000, now - 1000]
  for (const [index, timestamp] of at.entries()) {
    await producer.send(topic, { value: String(index), timestamp })
  }
  const starts = [
    [{ timestamp: now - 30_000 }, '1'],
    [{ durationMs: 10_000 }, '2'],
    ['earliest', '0'],
  ] as const
  for (const [startFrom, expected] of starts) {
    await using one = kafka.consumer({ groupId: it.uniqueName('g'), topics: [topic], startFrom })
    assert.deepEqual(await take(one, 1), [expected])
  }
  await using failing = kafka.consumer({
    groupId: it.uniqueName('g'),
    topics: [topic],
    startFrom: 'fail',
  })
  await assert.rejects(take(failing, 1), { code: 'NO_OFFSET' })
})

scenario('S11 what retention took is told, and reading goes on at the log start', async (it) => {
  const { consumer, topic, groupId } = await numbered(it, 20)
  const first = consumer()
  await take(first, 3)
  await first.close()
  const kafka = it.client()
  const admin = kafka.admin()
  const leader = (await admin.describeTopics([topic])).get(topic)?.partitions[0]?.leader
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset: 12 }] }]
  await kafka.request(
    apis.DeleteRecords,
    { topics, timeoutMs: 5000 },
    { returnErrors: true, nodeId: leader },
  )
  await using second = consumer()
  const lost: unknown[] = []
  second.on('dataLoss', ({ from, to, count }) => lost.push({ from, to, count }))
  assert.deepEqual(await take(second, 2), ['12', '13'])
  assert.deepEqual(lost, [{ from: 3, to: 12, count: 9 }])
  await using third = kafka.consumer({ groupId, topics: [topic], startFrom: 'earliest' })
  assert.deepEqual(third.assigned, [])
})

scenario(
  'seek, pause, resume, position, lag and committed say and do what they are called',
  async (it) => {
    const { consumer, topic } = await numbered(it, 10)
    await using one = consumer()
    assert.throws(() => one.seek({ topic, partition: 0, offset: 1 }), { code: 'NOT_ASSIGNED' })
    assert.deepEqual(await take(one, 8), numbers(0, 8))
    const partition = { topic, partition: 0 }
    assert.equal(one.position(partition), 8)
    assert.deepEqual(await one.lag(), [{ ...partition, records: 2 }])
    await one.commit()
    assert.deepEqual(await one.committed([partition]), [8])
    one.seek({ ...partition, offset: 2 })
    assert.deepEqual(await take(one, 2), ['2', '3'])
    await one.commit()
    assert.deepEqual(await one.committed([partition]), [4])
    one.pause([partition])
    const iterator = one[Symbol.asyncIterator]()
    let isSettled = false
    const next = iterator.next().finally(() => {
      isSettled = true
    })
    await it.client().admin().listTopics()
    assert.deepEqual([isSettled, one.paused], [false, [partition]])
    one.resume([partition])
    assert.equal(String((await next).value?.value), '4')
    await iterator.return?.()
  },
)

scenario(
  'typed topics give what their serdes decode, and say which record they cannot',
  async (it) => {
    const kafka = it.client()
    const name = await it.topic()
    const orders = topicOf(name, { key: string, value: json<{ total: number }>() })
    await using producer = kafka.producer()
    await producer.send(orders, [
      { key: 'a', value: { total: 3 } },
      { key: 'b', value: null },
    ])
    await producer.send(name, {
      key: 'c',
      value: 'no json',
      headers: [
        ['h', null],
        ['h', 'x'],
      ],
    })
    const options = {
      groupId: it.uniqueName('g'),
      topics: [orders],
      startFrom: 'earliest',
    } as const
    await using consumer = kafka.consumer(options)
    const seen: unknown[] = []
    const failure = (async () => {
      for await (const record of consumer) {
        if (record.offset === 2)
          assert.deepEqual(record.headers.getAll('h').map(String), ['null', 'x'])
        seen.push([record.key, record.value?.total ?? null])
      }
    })()
    await assert.rejects(failure, (error) => error instanceof DecodeError && error.offset === 2)
    assert.deepEqual(seen, [
      ['a', 3],
      ['b', null],
    ])
  },
)

scenario('every compression type is read as it was written', async (it) => {
  const kafka = it.client()
  const name = await it.topic()
  const types = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
  for (const compressionType of types) {
    await using producer = kafka.producer({ compressionType })
    await producer.send(
      name,
      numbers(0, 100).map((value) => ({ value: `${compressionType} ${value}` })),
    )
  }
  await using consumer = kafka.consumer({
    groupId: it.uniqueName('g'),
    topics: [name],
    startFrom: 'earliest',
  })
  const values = await take(consumer, 500)
  assert.deepEqual(
    values,
    types.flatMap((type) => numbers(0, 100).map((value) => `${type} ${value}`)),
  )
})

scenario('a wrong option is refused with a sentence that says what to do', async (it) => {
  const kafka = it.client()
  const base = { groupId: 'g', topics: ['t'] }
  const refused: [object, RegExp][] = [
    [base, /needs the option "startFrom"/],
    [{ topics: ['t'], startFrom: 'earliest' }, /needs the option "groupId"/],
    [{ ...base, startFrom: 'newest' }, /"startFrom".*must be "earliest", "latest"/],
    [{ ...base, startFrom: 'earliest', sesionTimeoutMs: 1 }, /Did you mean "sessionTimeoutMs"/],
    [{ ...base, startFrom: 'earliest', topics: [] }, /at least one/],
    [{ ...base, startFrom: 'earliest', topics: ['a b'] }, /no topic name/],
    [{ ...base, startFrom: 'earliest', partitionAssignors: ['magic'] }, /magic/],
    [{ ...base, startFrom: 'earliest', autoOffsetReset: 'latest' }, /stands for both/],
    [
      { ...base, startFrom: 'earliest', sessionTimeoutMs: 6000 * 1, heartbeatIntervalMs: 3000 },
      /third/,
    ],
  ]
  for (const [options, message] of refused) {
    assert.throws(
      () => kafka.consumer(options),
      (error) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, message)
        return true
      },
    )
  }
})

scenario(
  'S30 an unreachable cluster makes iteration wait and say so, or fail when that is wanted',
  async (it) => {
    const kafka = it.client({ bootstrapServers: '127.0.0.1:1' })
    const base = { groupId: 'g', topics: ['t'], startFrom: 'earliest' } as const
    await using patient = kafka.consumer(base)
    const told = new Promise<string>((resolve) => {
      patient.on('stalled', ({ error }) => resolve(error?.message ?? ''))
    })
    const iterator = patient[Symbol.asyncIterator]()
    const next = iterator.next()
    assert.match(await told, /nothing listens on that port/)
    await patient.close()
    assert.equal((await next).done, true)
    await using hasty = kafka.consumer({ ...base, connectTimeoutMs: 50 })
    await assert.rejects(take(hasty, 1), { code: 'TIMED_OUT' })
  },
)

scenario(
  'a topic that does not exist yet is told, waited for, and read once it is there',
  async (it) => {
    const kafka = it.client()
    const topic = it.uniqueName('later')
    await using consumer = kafka.consumer({
      groupId: it.uniqueName('g'),
      topics: [topic],
      startFrom: 'latest',
    })
    const told = new Promise<string>((resolve) => {
      consumer.on('stalled', ({ error }) => resolve(error?.message ?? ''))
    })
    const values = take(consumer, 1)
    assert.match(
      await told,
      new RegExp(`has no topic "${topic}". It is read as soon as it is there`),
    )
    await using admin = kafka.admin()
    await admin.createTopics({ [topic]: { partitions: 2 } })
    await using producer = kafka.producer()
    // Written before any member knows the topic, and after the group's start: it is not skipped.
    await producer.send(topic, { value: 'first' })
    assert.deepEqual(await values, ['first'])
  },
)

scenario(
  'partitions of one’s own choice are read without a group, from an offset if it is given',
  async (it) => {
    const { topic } = await numbered(it, 20, 2)
    const kafka = it.client()
    await using consumer = kafka.consumer({
      partitions: [
        { topic, partition: 0, offset: 7 },
        { topic, partition: 1 },
      ],
      startFrom: 'earliest',
    })
    const seen: string[] = []
    for await (const { partition, offset } of consumer) {
      seen.push(`${partition}:${offset}`)
      if (seen.length === 13) break
    }
    const expected = [
      ...numbers(7, 10).map((n) => `0:${n}`),
      ...numbers(0, 10).map((n) => `1:${n}`),
    ]
    assert.deepEqual(seen.sort(), expected.sort())
    await assert.rejects(consumer.commit(), /needs a group/)
  },
)

scenario(
  'partitions of one’s own choice commit in the name of a group that nobody else uses',
  async (it) => {
    const { topic, groupId } = await numbered(it, 10)
    const kafka = it.client()
    const options = {
      groupId,
      partitions: [{ topic, partition: 0 }],
      startFrom: 'earliest',
    } as const
    const first = kafka.consumer(options)
    assert.deepEqual(await take(first, 4), numbers(0, 4))
    await first.close()
    await using second = kafka.consumer(options)
    assert.deepEqual(await take(second, 6), numbers(4, 10))
  },
)

scenario(
  'S8 onAssigned may seek: offsets that are kept outside of Kafka rule from the first record on',
  async (it) => {
    const { topic, consumer } = await numbered(it, 10)
    const first = consumer()
    await take(first, 2)
    await first.close()
    const second: Consumer = consumer({
      onAssigned: () => second.seek({ topic, partition: 0, offset: 6 }),
    })
    assert.deepEqual(await take(second, 4), numbers(6, 10))
    await second.close()
  },
)
