// Transactions over the wire, and what may happen to a cluster in the middle of one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  describeTransactions,
  ErrorCode,
  endTxn,
  fetch,
  findCoordinator,
  initProducerId,
  listOffsets,
  offsetFetch,
  produce,
  RecordBatchBuilder,
  txnOffsetCommit,
} from '@odradek/protocol'
import type { TransactionEvent } from '../cluster/cluster-events.ts'
import type { RawClient } from '../raw-client.test-kit.ts'
import { fetchBody, inVirtualWorld, read, send, valuesOf } from '../virtual-cluster.test-kit.ts'

const ID = 'transfers'
const READ_COMMITTED = 1
const OK = ErrorCode.NONE

interface Identity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

const init = (client: RawClient, timeoutMs = 60_000) =>
  client.request(initProducerId, 4, { transactionalId: ID, transactionTimeoutMs: timeoutMs })

async function add(client: RawClient, { producerId, producerEpoch }: Identity): Promise<number> {
  const { resultsByTopicV3AndBelow } = await client.request(addPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: ID,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name: 'orders', partitions: [0] }],
  })
  return resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1
}

interface WriteOptions {
  readonly version?: number
  readonly transactionalId?: string | null
  readonly isTransactional?: boolean
}

async function write(
  client: RawClient,
  identity: Identity,
  baseSequence: number,
  { version = 9, transactionalId = ID, isTransactional = true }: WriteOptions = {},
): Promise<number> {
  const builder = new RecordBatchBuilder()
  builder.append(1000, null, `${identity.producerEpoch}.${baseSequence}`)
  const { producerId, producerEpoch } = identity
  const stamp = { producerId, producerEpoch, baseSequence }
  const { responses } = await client.request(produce, version, {
    transactionalId,
    acks: -1,
    timeoutMs: 1000,
    topicData: [
      {
        name: 'orders',
        partitionData: [{ index: 0, records: builder.build({ stamp, isTransactional }) }],
      },
    ],
  })
  return responses[0]?.partitionResponses[0]?.errorCode ?? -1
}

const end = (client: RawClient, identity: Identity, committed: boolean, version = 3) =>
  client.request(endTxn, version, { transactionalId: ID, ...identity, committed })

const committed = { isolationLevel: READ_COMMITTED }
const TOPICS = { topics: { orders: 1 } }

test('an open transaction blocks readers of committed records until it ends', () =>
  inVirtualWorld(TOPICS, async ({ connect, world, cluster }) => {
    const [producer, consumer] = [await connect(), await connect()]
    const identity = await init(producer)
    await add(producer, identity)
    assert.equal(await write(producer, identity, 0), OK)
    await send(producer, { values: ['plain'] })
    const open = await read(consumer, 0, committed)
    assert.deepEqual([open.lastStableOffset, open.highWatermark], [0, 2])
    assert.deepEqual(valuesOf(open.records), [])
    assert.deepEqual(valuesOf((await read(consumer, 0)).records), ['0.0', 'plain'])
    assert.equal(cluster.partition('orders', 0).lastStableOffset, 0)
    const startedAt = world.now
    const polling = consumer.request(fetch, 12, fetchBody(0, { ...committed, maxWaitMs: 60_000 }))
    await world.sleep(1000)
    // Records that are not decided wake nobody.
    assert.equal(await write(producer, identity, 1), OK)
    await world.sleep(4000)
    await end(producer, identity, false)
    const [answer] = (await polling).responses[0]?.partitions ?? []
    assert.ok(world.now - startedAt >= 5000 && world.now - startedAt < 6000)
    assert.equal(answer?.lastStableOffset, 4)
    assert.deepEqual(answer?.abortedTransactions, [
      { producerId: identity.producerId, firstOffset: 0 },
    ])
  }).then(() => undefined))

test('batches say what they are of: no id, no transaction, the wrong kind', () =>
  inVirtualWorld(TOPICS, async ({ connect }) => {
    const client = await connect()
    const identity = await init(client)
    assert.equal(
      await write(client, identity, 0, { transactionalId: null }),
      ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    )
    assert.equal(await write(client, identity, 0), ErrorCode.INVALID_TXN_STATE)
    assert.equal(await write(client, identity, 0, { version: 11 }), ErrorCode.TRANSACTION_ABORTABLE)
    assert.equal(await write(client, identity, 0, { version: 12 }), OK)
    assert.equal(
      await write(client, identity, 1, { isTransactional: false }),
      ErrorCode.INVALID_TXN_STATE,
    )
  }).then(() => undefined))

test('a transaction outlives its coordinator with its timeout, and the next one ends it', () =>
  inVirtualWorld({ ...TOPICS, brokers: 2 }, async ({ connect, world, cluster }) => {
    const events: TransactionEvent[] = []
    cluster.on('transaction', (event) => events.push(event))
    const clients = new Map([
      [1, await connect(1)],
      [2, await connect(2)],
    ])
    const leaderId = cluster.partition('orders', 0).leaderId
    const [leader] = [clients.get(leaderId)]
    assert.ok(leader !== undefined)
    const there = async () => {
      const [one] = (
        await leader.request(findCoordinator, 4, { keyType: 1, coordinatorKeys: [ID] })
      ).coordinators
      return one?.nodeId ?? -1
    }
    const before = await there()
    const [old, other] = [clients.get(before), clients.get(3 - before)]
    assert.ok(old !== undefined && other !== undefined)
    assert.equal((await init(other)).errorCode, ErrorCode.NOT_COORDINATOR)
    const identity = await init(old, 20_000)
    assert.equal(await add(old, identity), OK)
    assert.equal(await write(leader, identity, 0), OK)
    await world.sleep(15_000)
    cluster.moveTransactionCoordinator(ID, 3 - before)
    assert.equal(await there(), 3 - before)
    assert.equal(cluster.transactionCoordinatorOf(ID), 3 - before)
    assert.equal((await end(old, identity, true)).errorCode, ErrorCode.NOT_COORDINATOR)
    assert.equal(cluster.transaction(ID)?.state, 'Ongoing')
    await world.sleep(4000)
    assert.equal(cluster.transaction(ID)?.state, 'Ongoing')
    await world.sleep(2000)
    assert.equal(cluster.transaction(ID)?.state, 'CompleteAbort')
    assert.equal(await write(leader, identity, 1), ErrorCode.INVALID_PRODUCER_EPOCH)
    assert.deepEqual(
      events.map(({ state, cause, nodeId }) => [state, cause, nodeId === before]),
      [
        ['Empty', 'init', true],
        ['Ongoing', 'add', true],
        ['Ongoing', 'loaded', false],
        ['PrepareAbort', 'timedOut', false],
        ['CompleteAbort', 'markersWritten', false],
      ],
    )
  }).then(() => undefined))

test('markers wait for a partition without a leader, and survive the coordinator', () =>
  inVirtualWorld(
    { brokers: 2, topics: { orders: { partitions: 1, replicationFactor: 1 } } },
    async ({ connect, world, cluster }) => {
      const leaderId = cluster.partition('orders', 0).leaderId
      cluster.moveTransactionCoordinator(ID, 3 - leaderId)
      const [leader, coordinator] = [await connect(leaderId), await connect(3 - leaderId)]
      const identity = await init(coordinator)
      await add(coordinator, identity)
      assert.equal(await write(leader, identity, 0), OK)
      await cluster.stop(leaderId)
      assert.equal((await end(coordinator, identity, true)).errorCode, OK)
      await world.sleep(5000)
      assert.equal(cluster.transaction(ID)?.state, 'PrepareCommit')
      assert.equal(await add(coordinator, identity), ErrorCode.CONCURRENT_TRANSACTIONS)
      // Nobody is left; then both come back, and the decision stands.
      await cluster.stop(3 - leaderId, { abruptly: true })
      await world.sleep(5000)
      await cluster.start(3 - leaderId)
      await cluster.start(leaderId)
      await world.sleep(1000)
      assert.equal(cluster.transaction(ID)?.state, 'CompleteCommit')
      const reader = await connect(leaderId)
      const { lastStableOffset, abortedTransactions } = await read(reader, 0, committed)
      assert.deepEqual([lastStableOffset, abortedTransactions], [2, []])
    },
  ).then(() => undefined))

test('an unclean election takes back what the log knew of a transaction', () =>
  inVirtualWorld(TOPICS, async ({ connect, world, cluster }) => {
    const client = await connect()
    await send(client, { values: ['kept'] })
    const identity = await init(client)
    await add(client, identity)
    await write(client, identity, 0)
    await write(client, identity, 1)
    await end(client, identity, false)
    await world.sleep(100)
    cluster.truncate('orders', 0, { to: 2 })
    // The first batch of the transaction is left, and nobody will ever end it.
    assert.deepEqual([cluster.partition('orders', 0).lastStableOffset], [1])
    cluster.truncate('orders', 0, { to: 1 })
    assert.equal(cluster.partition('orders', 0).lastStableOffset, 1)
    const { abortedTransactions } = await read(client, 0, committed)
    assert.deepEqual(abortedTransactions, [])
  }).then(() => undefined))

test('offsets of a group wait for its transaction, whose markers take their time', () =>
  inVirtualWorld({ ...TOPICS, transactionMarkersMs: 3000 }, async ({ connect, world, cluster }) => {
    const client = await connect()
    const commits: bigint[] = []
    cluster.on('commit', ({ producerId }) => commits.push(producerId))
    const identity = await init(client)
    const { producerId, producerEpoch } = identity
    const of = { transactionalId: ID, groupId: 'billing', producerId, producerEpoch }
    assert.equal((await client.request(addOffsetsToTxn, 3, of)).errorCode, OK)
    const { topics } = await client.request(txnOffsetCommit, 3, {
      ...of,
      topics: [
        {
          name: 'orders',
          partitions: [
            { partitionIndex: 0, committedOffset: 4, committedMetadata: null },
            { partitionIndex: 9, committedOffset: 4, committedMetadata: null },
          ],
        },
      ],
    })
    assert.deepEqual(
      topics[0]?.partitions.map(({ errorCode }) => errorCode),
      [OK, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    )
    const stable = async () => {
      const { groups } = await client.request(offsetFetch, 8, {
        requireStable: true,
        groups: [{ groupId: 'billing', topics: [{ name: 'orders', partitionIndexes: [0] }] }],
      })
      const [one] = groups[0]?.topics[0]?.partitions ?? []
      return [one?.errorCode, one?.committedOffset]
    }
    await end(client, identity, true)
    assert.deepEqual(await stable(), [ErrorCode.UNSTABLE_OFFSET_COMMIT, -1])
    assert.equal((await init(client)).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    await world.sleep(3100)
    assert.deepEqual(await stable(), [OK, 4])
    assert.deepEqual(commits, [producerId])
    const { transactionStates } = await client.request(describeTransactions, 0, {
      transactionalIds: [ID, 'nobody'],
    })
    assert.deepEqual(
      transactionStates.map(({ transactionState, errorCode }) => [transactionState, errorCode]),
      [
        ['CompleteCommit', OK],
        ['', ErrorCode.TRANSACTIONAL_ID_NOT_FOUND],
      ],
    )
    const { topics: ends } = await client.request(listOffsets, 4, {
      replicaId: -1,
      isolationLevel: READ_COMMITTED,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    assert.equal(ends[0]?.partitions[0]?.offset, 0)
  }).then(() => undefined))

test('a timeout that is too long is refused, and half an identity', () =>
  inVirtualWorld(TOPICS, async ({ connect }) => {
    const client = await connect()
    assert.equal((await init(client, 900_001)).errorCode, ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    assert.equal((await init(client, 0)).errorCode, ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    const half = { transactionalId: ID, transactionTimeoutMs: 1000, producerId: 5n }
    const { errorCode } = await client.request(initProducerId, 4, half)
    assert.equal(errorCode, ErrorCode.INVALID_REQUEST)
  }).then(() => undefined))

test('an id that is not used for long is forgotten, but not while something is open', () =>
  inVirtualWorld(
    {
      ...TOPICS,
      transactionalIdExpirationMs: 600_000,
      transactionRemoveExpiredTransactionCleanupIntervalMs: 60_000,
    },
    async ({ connect, world, cluster }) => {
      const client = await connect()
      const first = await init(client, 900_000)
      assert.equal(await add(client, first), OK)
      const causes: string[] = []
      cluster.on('transaction', ({ state, cause }) => causes.push(`${cause}: ${state}`))
      await world.sleep(899_000)
      assert.deepEqual(causes, [])
      await world.sleep(600_000)
      assert.equal(causes.at(-1), 'markersWritten: CompleteAbort')
      await world.sleep(100_000)
      assert.equal(causes.at(-1), 'expired: Dead')
      assert.equal(await add(client, first), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
      const next = await init(client)
      assert.deepEqual([next.errorCode, next.producerEpoch], [OK, 0])
      assert.ok(next.producerId > first.producerId)
    },
  ).then(() => undefined))
