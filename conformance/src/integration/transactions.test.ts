/**
 * Transactions as raw requests see them: the embedded broker answers like Apache Kafka, code by
 * code and epoch by epoch, in both versions of the protocol (KIP-98, KIP-360, KIP-447, KIP-890).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBroker } from '@odradek/broker'
import { apis, ErrorCode, readRecordBatches } from '@odradek/protocol'
import { RawTransactionalProducer } from '@odradek/simulation'
import { Kafka } from 'odradek'
import { ownKafkaScenario, type Scenario, scenario } from './clusters.ts'

const READ_COMMITTED = 1
const LATEST = -1
const OK = ErrorCode.NONE

interface Setup {
  readonly kafka: Kafka
  readonly topic: string
  readonly transactionalId: string
  readonly producer: (version: 1 | 2, timeoutMs?: number) => RawTransactionalProducer
}

async function setUp(it: Scenario): Promise<Setup> {
  const kafka = it.client()
  const topic = await it.topic(2)
  const transactionalId = it.uniqueName('transaction')
  const setup: Setup = {
    kafka,
    topic,
    transactionalId,
    producer: (version, timeoutMs = 60_000) =>
      new RawTransactionalProducer(kafka, {
        transactionalId,
        version,
        timeoutMs,
        now: Date.now,
        sleep,
      }),
  }
  await until('the partition is led', async () => (await read(setup)).errorCode === OK)
  return setup
}

/** Reads partition 0 in one fetch. */
async function read({ kafka, topic }: Setup, isolationLevel = READ_COMMITTED, from = 0) {
  const { responses } = await kafka.request(
    apis.Fetch,
    {
      isolationLevel,
      maxWaitMs: 0,
      minBytes: 1,
      sessionEpoch: -1,
      topics: [
        { topic, partitions: [{ partition: 0, fetchOffset: from, partitionMaxBytes: 1_000_000 }] },
      ],
      forgottenTopicsData: [],
    },
    { returnErrors: true, maxVersion: 12, nodeId: 1 },
  )
  const [answer] = responses[0]?.partitions ?? []
  assert.ok(answer !== undefined)
  const batches: string[] = []
  for (const batch of readRecordBatches(answer.records ?? Buffer.alloc(0))) {
    const values: string[] = []
    for (const cursor = batch.records(); cursor.next(); ) {
      values.push(batch.isControl ? `marker ${cursor.key?.[3]}` : String(cursor.value))
    }
    batches.push(values.join(' '))
  }
  const { errorCode, highWatermark, lastStableOffset, abortedTransactions } = answer
  const aborted = abortedTransactions?.map(({ firstOffset }) => firstOffset)
  return { errorCode, highWatermark, lastStableOffset, aborted, batches }
}

async function endOf({ kafka, topic }: Setup, timestamp: number, isolationLevel: number) {
  const { topics } = await kafka.request(
    apis.ListOffsets,
    {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
    },
    { returnErrors: true, nodeId: 1 },
  )
  return topics[0]?.partitions[0]?.offset
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await isTrue()) return
    await sleep(50)
  }
  throw new Error(`It never came: ${what}.`)
}

/** Waits for the marker of the last transaction. */
const decided = (setup: Setup) =>
  until('all is decided', async () => {
    const { batches } = await read(setup)
    const { length } = (await read(setup, 0)).batches
    return batches.length === length && batches.at(-1)?.startsWith('marker') === true
  })

const stateOf = async (producer: RawTransactionalProducer, transactionalId: string) => {
  const { transactionStates } = await producer.atCoordinator(
    apis.DescribeTransactions,
    { transactionalIds: [transactionalId] },
    (answer) => answer.transactionStates[0]?.errorCode ?? 0,
  )
  return transactionStates[0]
}

const completed = (producer: RawTransactionalProducer, transactionalId: string) =>
  until('the transaction is complete', async () =>
    /Complete/.test((await stateOf(producer, transactionalId))?.transactionState ?? ''),
  )

scenario(
  'a transaction of the first version, from its announcement to its repeated end',
  async (it) => {
    const setup = await setUp(it)
    const { topic, transactionalId } = setup
    const producer = setup.producer(1)
    await producer.init()
    assert.equal(producer.producerEpoch, 0)
    assert.equal((await producer.end(true)).errorCode, ErrorCode.INVALID_TXN_STATE, 'nothing began')
    const early = [
      await producer.produce(topic, 0, ['x']),
      await producer.produce(topic, 0, ['x'], { maxVersion: 9 }),
    ]
    assert.deepEqual(
      early.map(({ errorCode }) => errorCode),
      [ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.INVALID_TXN_STATE],
    )
    // All of them or none; in which order they are answered is open.
    const errors = new Set(await producer.addPartitions(topic, [0, 9]))
    assert.deepEqual(
      errors,
      new Set([ErrorCode.OPERATION_NOT_ATTEMPTED, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]),
    )
    assert.deepEqual(await producer.addPartitions(topic, [0]), [OK])
    assert.equal((await producer.produce(topic, 0, ['a', 'b'])).errorCode, OK)
    assert.equal((await producer.produce(topic, 0, ['c'])).baseOffset, 2)
    const open = await read(setup)
    assert.deepEqual([open.highWatermark, open.lastStableOffset, open.batches], [3, 0, []])
    assert.equal(await endOf(setup, LATEST, READ_COMMITTED), 0)
    assert.equal(await endOf(setup, LATEST, 0), 3)
    assert.equal(await endOf(setup, 0, READ_COMMITTED), -1, 'undecided records have no time')
    assert.deepEqual((await read(setup, 0)).batches, ['a b', 'c'])
    assert.equal((await producer.end(true)).errorCode, OK)
    await decided(setup)
    assert.deepEqual((await read(setup)).batches, ['a b', 'c', 'marker 1'])
    assert.equal(await endOf(setup, LATEST, READ_COMMITTED), 4)
    await completed(producer, transactionalId)
    assert.equal((await producer.end(true)).errorCode, OK, 'a repeated end')
    assert.equal((await producer.end(false)).errorCode, ErrorCode.INVALID_TXN_STATE)
    // The next one of the same epoch goes on with the sequence.
    assert.deepEqual(await producer.addPartitions(topic, [0]), [OK])
    assert.equal((await producer.produce(topic, 0, ['d'])).baseOffset, 4)
    assert.equal((await producer.end(false)).errorCode, OK)
    await decided(setup)
    const { aborted, batches } = await read(setup)
    assert.deepEqual(aborted, [4])
    assert.deepEqual(batches, ['a b', 'c', 'marker 1', 'd', 'marker 0'])
    assert.deepEqual((await read(setup, READ_COMMITTED, 6)).aborted ?? [], [])
  },
)

scenario(
  'a second producer of the same id fences the first, whose transaction is aborted',
  async (it) => {
    const setup = await setUp(it)
    const { topic, transactionalId } = setup
    const zombie = setup.producer(1)
    await zombie.init()
    assert.deepEqual(await zombie.addPartitions(topic, [0]), [OK])
    assert.equal((await zombie.produce(topic, 0, ['lost'])).errorCode, OK)
    const successor = setup.producer(1)
    assert.equal((await successor.tryInit()).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    await successor.init()
    assert.equal(successor.producerId, zombie.producerId)
    assert.equal(successor.producerEpoch, 2, 'one for the fence, one for the successor')
    assert.equal(
      (await zombie.produce(topic, 0, ['late'])).errorCode,
      ErrorCode.INVALID_PRODUCER_EPOCH,
    )
    assert.deepEqual(await zombie.addPartitions(topic, [0]), [ErrorCode.PRODUCER_FENCED])
    assert.equal((await zombie.end(true)).errorCode, ErrorCode.PRODUCER_FENCED)
    assert.equal((await zombie.tryInit({ asCurrent: true })).errorCode, ErrorCode.PRODUCER_FENCED)
    assert.equal(await zombie.addOffsets('group'), ErrorCode.PRODUCER_FENCED)
    const { aborted } = await read(setup)
    assert.deepEqual(aborted, [0])
    // Who goes on after an error says what it has, and may repeat it (KIP-360).
    const before = successor.producerEpoch
    const first = await successor.tryInit({ asCurrent: true })
    assert.deepEqual([first.errorCode, successor.producerEpoch], [OK, before + 1])
    successor.producerEpoch = before
    const repeated = await successor.tryInit({ asCurrent: true })
    assert.deepEqual([repeated.errorCode, successor.producerEpoch], [OK, before + 1])
    const stranger = setup.producer(1)
    stranger.producerId = 123_456n
    stranger.producerEpoch = 0
    assert.deepEqual(await stranger.addPartitions(topic, [0]), [
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    ])
    assert.equal((await stranger.tryInit({ asCurrent: true })).errorCode, ErrorCode.PRODUCER_FENCED)
    assert.equal((await stateOf(successor, transactionalId))?.transactionState, 'Empty')
  },
)

scenario(
  'transactions of the second version: writes add themselves, every end has a new epoch',
  async (it) => {
    const setup = await setUp(it)
    const { topic, transactionalId } = setup
    const producer = setup.producer(2)
    await producer.init()
    const { producerId } = producer
    assert.equal((await producer.end(true)).errorCode, ErrorCode.INVALID_TXN_STATE)
    const idle = await producer.end(false)
    assert.deepEqual([idle.errorCode, idle.producerEpoch], [OK, 1], 'an abort of nothing')
    await completed(producer, transactionalId)
    assert.equal((await producer.produce(topic, 0, ['a'])).errorCode, OK)
    assert.equal((await stateOf(producer, transactionalId))?.transactionState, 'Ongoing')
    const first = await producer.end(true, { keeps: true })
    assert.deepEqual([first.errorCode, first.producerId, first.producerEpoch], [OK, producerId, 2])
    await completed(producer, transactionalId)
    const again = await producer.end(true, { keeps: true })
    assert.deepEqual([again.errorCode, again.producerEpoch], [OK, 2], 'a repeated end')
    const other = await producer.end(false, { keeps: true })
    assert.equal(other.errorCode, ErrorCode.INVALID_TXN_STATE, 'it is committed')
    // A write that was late belongs to no later transaction.
    assert.equal(
      (await producer.produce(topic, 0, ['late'])).errorCode,
      ErrorCode.INVALID_PRODUCER_EPOCH,
    )
    await producer.end(true)
    assert.equal(producer.producerEpoch, 2)
    assert.equal((await producer.produce(topic, 0, ['b'])).errorCode, OK)
    assert.equal((await producer.end(false)).errorCode, OK)
    assert.equal(producer.producerEpoch, 3)
    await completed(producer, transactionalId)
    const { aborted, batches } = await read(setup)
    assert.deepEqual([aborted, batches], [[2], ['a', 'marker 1', 'b', 'marker 0']])
  },
)

for (const version of [1, 2] as const) {
  scenario(
    `a transaction of version ${version} that lasts too long is aborted, and its producer fenced`,
    async (it) => {
      const setup = await setUp(it)
      const { topic, transactionalId } = setup
      const producer = setup.producer(version, 500)
      await producer.init()
      if (version === 1) await producer.addPartitions(topic, [0])
      assert.equal((await producer.produce(topic, 0, ['a'])).errorCode, OK)
      await completed(producer, transactionalId)
      await decided(setup)
      const state = await stateOf(producer, transactionalId)
      assert.deepEqual([state?.transactionState, state?.producerEpoch], ['CompleteAbort', 1])
      assert.equal(
        (await producer.produce(topic, 0, ['b'])).errorCode,
        ErrorCode.INVALID_PRODUCER_EPOCH,
      )
      // By its epoch the end looks like a repetition: of an abort, as it happens.
      const codes = [(await producer.end(true)).errorCode, (await producer.end(false)).errorCode]
      assert.deepEqual(
        codes,
        version === 1
          ? [ErrorCode.PRODUCER_FENCED, ErrorCode.PRODUCER_FENCED]
          : [ErrorCode.INVALID_TXN_STATE, OK],
      )
      assert.deepEqual((await read(setup)).aborted, [0])
    },
  )

  scenario(
    `offsets in transactions of version ${version} are unstable until they count or are dropped`,
    async (it) => {
      const setup = await setUp(it)
      const { topic, transactionalId } = setup
      const groupId = it.uniqueName('group')
      const producer = setup.producer(version)
      await producer.init()
      const place = { topic, partition: 0 }
      const fetched = async (requireStable: boolean) => {
        const { groups } = await producer.at(
          { keyType: 0, key: groupId },
          apis.OffsetFetch,
          {
            requireStable,
            groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }],
          },
          (answer) => answer.groups[0]?.errorCode ?? 0,
          9,
        )
        const [one] = groups[0]?.topics[0]?.partitions ?? []
        return [one?.errorCode, one?.committedOffset]
      }
      if (version === 1) {
        const unannounced = await producer.commitOffset(groupId, { ...place, offset: 1 })
        assert.equal(unannounced, ErrorCode.TRANSACTION_ABORTABLE)
        assert.equal(await producer.addOffsets(groupId), OK)
      }
      assert.equal(await producer.commitOffset(groupId, { ...place, offset: 5 }), OK)
      assert.deepEqual(await fetched(true), [ErrorCode.UNSTABLE_OFFSET_COMMIT, -1])
      assert.deepEqual(await fetched(false), [OK, -1])
      assert.equal((await producer.end(true)).errorCode, OK)
      await completed(producer, transactionalId)
      await until('the offset is stable', async () => (await fetched(true))[0] === OK)
      assert.deepEqual(await fetched(true), [OK, 5])
      if (version === 1) await producer.addOffsets(groupId)
      assert.equal(await producer.commitOffset(groupId, { ...place, offset: 9 }), OK)
      assert.equal((await producer.end(false)).errorCode, OK)
      await completed(producer, transactionalId)
      await until('the offset is dropped', async () => (await fetched(true))[0] === OK)
      assert.deepEqual(await fetched(true), [OK, 5])
      // A plain commit that comes later than the transactional one overtakes it.
      if (version === 1) await producer.addOffsets(groupId)
      assert.equal(await producer.commitOffset(groupId, { ...place, offset: 7 }), OK)
      const plain = await producer.at(
        { keyType: 0, key: groupId },
        apis.OffsetCommit,
        {
          groupId,
          generationIdOrMemberEpoch: -1,
          memberId: '',
          topics: [
            {
              name: topic,
              partitions: [{ partitionIndex: 0, committedOffset: 6, committedMetadata: '' }],
            },
          ],
        },
        (answer) => answer.topics[0]?.partitions[0]?.errorCode ?? 0,
        9,
      )
      assert.equal(plain.topics[0]?.partitions[0]?.errorCode, OK)
      assert.equal((await producer.end(true)).errorCode, OK)
      await completed(producer, transactionalId)
      await until('the offset is stable', async () => (await fetched(true))[0] === OK)
      assert.deepEqual(await fetched(true), [OK, 6])
      // Who says that it is a member must be one.
      if (version === 1) await producer.addOffsets(groupId)
      const member = { memberId: 'nobody', generationId: 3 }
      const refused = await producer.commitOffset(groupId, { ...place, offset: 8 }, member)
      assert.equal(refused, ErrorCode.UNKNOWN_MEMBER_ID)
      await producer.end(false)
    },
  )
}

scenario(
  'transactions and producers are listed and described, and a marker ends what hangs',
  async (it) => {
    const setup = await setUp(it)
    const { topic, kafka, transactionalId } = setup
    const producer = setup.producer(1)
    await producer.init()
    await producer.addPartitions(topic, [0])
    await producer.addOffsets('group')
    await producer.produce(topic, 0, ['a', 'b'])
    const state = await stateOf(producer, transactionalId)
    assert.deepEqual(
      [state?.transactionState, state?.transactionTimeoutMs, state?.producerEpoch],
      ['Ongoing', 60_000, 0],
    )
    assert.deepEqual(
      [...(state?.topics ?? [])].map((one) => one.topic).sort(),
      ['__consumer_offsets', topic].sort(),
    )
    assert.ok(Math.abs((state?.transactionStartTimeMs ?? 0) - Date.now()) < 60_000)
    const nothing = await stateOf(producer, `${transactionalId}-unknown`)
    assert.equal(nothing?.errorCode, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
    const listed = await producer.atCoordinator(
      apis.ListTransactions,
      {
        stateFilters: ['Ongoing', 'Nonsense'],
        producerIdFilters: [producer.producerId],
        durationFilter: -1,
        transactionalIdPattern: `${transactionalId.slice(0, 12)}.*`,
      },
      ({ errorCode }) => errorCode,
    )
    assert.deepEqual(listed.unknownStateFilters, ['Nonsense'])
    assert.deepEqual(listed.transactionStates, [
      { transactionalId, producerId: producer.producerId, transactionState: 'Ongoing' },
    ])
    const describe = async () => {
      const { topics } = await kafka.request(
        apis.DescribeProducers,
        { topics: [{ name: topic, partitionIndexes: [0] }] },
        { returnErrors: true, nodeId: 1 },
      )
      const [one] = topics[0]?.partitions[0]?.activeProducers ?? []
      const { producerId, producerEpoch, lastSequence, currentTxnStartOffset } = one ?? {}
      return [producerId, producerEpoch, lastSequence, currentTxnStartOffset]
    }
    assert.deepEqual(await describe(), [producer.producerId, 0, 1, 0])
    const mark = async (producerEpoch: number, partition = 0) => {
      const { markers } = await kafka.request(
        apis.WriteTxnMarkers,
        {
          markers: [
            {
              producerId: producer.producerId,
              producerEpoch,
              transactionResult: false,
              coordinatorEpoch: 0,
              topics: [{ name: topic, partitionIndexes: [partition] }],
            },
          ],
        },
        { returnErrors: true, nodeId: 1, maxVersion: 1 },
      )
      return markers[0]?.topics[0]?.partitions[0]?.errorCode
    }
    assert.equal(await mark(0, 9), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await mark(0), OK)
    assert.deepEqual(await describe(), [producer.producerId, 0, 1, -1])
    const { lastStableOffset, aborted } = await read(setup)
    assert.deepEqual([lastStableOffset, aborted], [3, [0]])
    await producer.end(false)
  },
)

scenario('without a transactional id everybody gets a new producer id', async (it) => {
  const kafka = it.client()
  const ask = async (producerId: bigint, producerEpoch: number) => {
    const body = { transactionalId: null, transactionTimeoutMs: 60_000, producerId, producerEpoch }
    return kafka.request(apis.InitProducerId, body, { returnErrors: true })
  }
  const first = await ask(-1n, -1)
  assert.deepEqual([first.errorCode, first.producerEpoch], [OK, 0])
  const again = await ask(first.producerId, first.producerEpoch)
  assert.deepEqual([again.errorCode, again.producerEpoch], [OK, 0])
  assert.ok(again.producerId > first.producerId)
  assert.equal((await ask(5n, -1)).errorCode, ErrorCode.INVALID_REQUEST)
})

/** What both do when ids expire that are not used for a moment. */
async function forgets(kafka: Kafka): Promise<void> {
  const options = { transactionalId: 'idle', version: 2, timeoutMs: 60_000 } as const
  const producer = new RawTransactionalProducer(kafka, { ...options, now: Date.now, sleep })
  await producer.init()
  const before = producer.producerId
  const stateOf = async () => {
    const { transactionStates } = await producer.atCoordinator(
      apis.DescribeTransactions,
      { transactionalIds: ['idle'] },
      () => OK,
    )
    return transactionStates[0]?.errorCode
  }
  assert.equal(await stateOf(), OK)
  const deadline = Date.now() + 30_000
  while ((await stateOf()) === OK) {
    assert.ok(Date.now() < deadline, 'it does not expire')
    await sleep(100)
  }
  assert.equal(await stateOf(), ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
  assert.equal((await producer.end(false)).errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  await producer.init()
  assert.ok(producer.producerId > before)
  assert.equal(producer.producerEpoch, 0)
}

const FORGETTING = 'a transactional id that nobody uses is forgotten'
const EXPIRY = {
  'transactional.id.expiration.ms': 1500,
  'transaction.remove.expired.transaction.cleanup.interval.ms': 300,
}

ownKafkaScenario(FORGETTING, { properties: EXPIRY }, (it) => forgets(it.client()))

test(`${FORGETTING} (embedded broker)`, async () => {
  const broker = await startBroker({
    transactionalIdExpirationMs: 1500,
    transactionRemoveExpiredTransactionCleanupIntervalMs: 300,
  })
  const kafka = new Kafka({ bootstrapServers: broker.bootstrapServers })
  try {
    await forgets(kafka)
  } finally {
    await kafka.close()
    await broker.close()
  }
})
