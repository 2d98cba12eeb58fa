import assert from 'node:assert/strict'
import { apis, PartialError } from 'odradek'
import { ownKafkaScenario, scenario } from './clusters.ts'

scenario('a created topic can be described, written to at once, listed and deleted', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  await using producer = kafka.producer()
  const name = it.uniqueName('orders')
  const created = await admin.createTopics({ [name]: { partitions: 3, replicationFactor: 1 } })
  assert.equal(created.get(name)?.partitionCount, 3)
  const receipt = await producer.send(name, { value: 'first', partition: 2 })
  assert.deepEqual([receipt.partition, receipt.offset], [2, 0])

  const described = (await admin.describeTopics([name])).get(name)
  assert.deepEqual(
    described?.partitions.map(({ partition }) => partition),
    [0, 1, 2],
  )
  assert.ok(described.partitions.every(({ leader, isr }) => isr.includes(leader)))
  assert.equal((await admin.listTopics()).get(name)?.topicId, described.topicId)

  await admin.deleteTopics([name])
  assert.equal((await admin.listTopics()).has(name), false)
  await assert.rejects(admin.describeTopics([name]), { code: 'UNKNOWN_TOPIC_OR_PARTITION' })
})

scenario('some that fail leave the others done, and every result is told', async (it) => {
  await using admin = it.client().admin()
  const [old, fresh] = [await it.topic(), it.uniqueName('fresh')]
  const error = await admin
    .createTopics({ [old]: { partitions: 1 }, [fresh]: { partitions: 1 } })
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  assert.ok(error instanceof PartialError)
  assert.equal((error.results.get(old) as { code?: string }).code, 'TOPIC_ALREADY_EXISTS')
  assert.equal((error.results.get(fresh) as { name?: string }).name, fresh)
  assert.ok((await admin.listTopics()).has(fresh))
  await assert.rejects(admin.createTopics({ [old]: { partitions: 1 } }), {
    code: 'TOPIC_ALREADY_EXISTS',
  })
})

scenario('offsets are found by end and by time', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  await using producer = kafka.producer()
  const topic = await it.topic(2)
  const at = Date.now() - 10_000
  for (const [index, partition] of [0, 0, 0, 1].entries()) {
    await producer.send(topic, { value: 'x', partition, timestamp: at + index * 1000 })
  }
  const offsets = async (spec: Parameters<typeof admin.listOffsets>[0][string]) =>
    (await admin.listOffsets({ [topic]: spec })).get(topic)?.map(({ offset }) => offset)
  assert.deepEqual(await offsets('earliest'), [0, 0])
  assert.deepEqual(await offsets('latest'), [3, 1])
  assert.deepEqual(await offsets(at + 500), [1, 0])
  assert.deepEqual(await offsets({ 0: at + 60_000, 1: 'latest' }), [null, 1])
  await assert.rejects(admin.listOffsets({ [topic]: { 7: 'latest' } }), {
    code: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
  await assert.rejects(admin.listOffsets({ [it.uniqueName('no')]: 'latest' }), {
    code: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
})

scenario(
  'a group that does not exist has no offsets, no lag, and cannot be described',
  async (it) => {
    await using admin = it.client().admin()
    const groupId = it.uniqueName('nobody')
    assert.equal((await admin.committedOffsets(groupId)).size, 0)
    assert.deepEqual(await admin.lag(groupId), { groupId, lag: 0, partitions: [] })
    assert.equal((await admin.listGroups()).has(groupId), false)
    await assert.rejects(admin.describeGroups([groupId]), { code: 'GROUP_ID_NOT_FOUND' })
    await assert.rejects(admin.deleteGroups([groupId]), { code: 'GROUP_ID_NOT_FOUND' })
  },
)

scenario('a group: members, offsets, lag, and its end', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  await using producer = kafka.producer()
  const topic = await it.topic(2)
  const groupId = it.uniqueName('billing')
  for (let at = 0; at < 10; at++) {
    // Of a partition that was not read nothing is committed, and so it has no lag.
    await producer.send(topic, { value: String(at), partition: 0 })
  }
  const consumer = kafka.consumer({ groupId, topics: [topic], startFrom: 'earliest' })
  let read = 0
  for await (const record of consumer) {
    await consumer.commit(record)
    if (++read < 4) continue
    const group = (await admin.describeGroups([groupId])).get(groupId)
    assert.deepEqual([group?.type, group?.state], ['classic', 'Stable'])
    const [member] = group?.members ?? []
    assert.equal(member?.clientId, 'integration')
    assert.deepEqual(member?.topics, [topic])
    assert.deepEqual(
      [...member.assignment].sort((a, b) => a.partition - b.partition),
      [0, 1].map((partition) => ({ topic, partition })),
    )
    await assert.rejects(admin.deleteGroups([groupId]), { code: 'NON_EMPTY_GROUP' })
    break
  }
  await consumer.close()
  const listed = (await admin.listGroups()).get(groupId)
  assert.deepEqual([listed?.type, listed?.state], ['classic', 'Empty'])
  const { lag, partitions } = await admin.lag(groupId)
  assert.equal(lag, 6)
  assert.ok(partitions.every(({ logStartOffset, lostCount }) => logStartOffset + lostCount === 0))
  const committed = (await admin.committedOffsets(groupId)).get(topic) ?? []
  assert.equal(
    committed.reduce((sum, { offset }) => sum + offset, 0),
    4,
  )

  await admin.deleteTopics([topic])
  assert.equal((await admin.lag(groupId)).lag, 0, 'a topic that is gone has no lag')
  await admin.deleteGroups([groupId])
  assert.equal((await admin.listGroups()).has(groupId), false)
})

scenario('a group by the protocol of KIP-848 is described as what it is', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  const topic = await it.topic(2)
  const groupId = it.uniqueName('newer')
  // One broker, so it coordinates every group; the look-up makes it ready to.
  await admin.committedOffsets(groupId)
  const [nodeId] = (
    await kafka.request(apis.Metadata, { topics: [] }, { returnErrors: true })
  ).brokers.map((broker) => broker.nodeId)
  const beat = (memberEpoch: number) =>
    kafka.request(
      apis.ConsumerGroupHeartbeat,
      {
        groupId,
        memberId: 'member-1',
        memberEpoch,
        rebalanceTimeoutMs: 10_000,
        subscribedTopicNames: [topic],
        topicPartitions: [],
      },
      { returnErrors: true, nodeId },
    )
  assert.equal((await beat(0)).errorCode, 0)
  const group = (await admin.describeGroups([groupId])).get(groupId)
  assert.deepEqual([group?.type, group?.members[0]?.memberId], ['consumer', 'member-1'])
  assert.deepEqual(group?.members[0]?.topics, [topic])
  assert.ok(group.epoch > 0)
  assert.equal((await admin.listGroups()).get(groupId)?.type, 'consumer')
  assert.equal((await beat(-1)).errorCode, 0)
  await admin.deleteGroups([groupId])
})

scenario('a closed admin, a wrong name and a wrong number are refused at once', async (it) => {
  const admin = it.client().admin()
  await assert.rejects(admin.createTopics({ 'no spaces': {} }), { code: 'USAGE' })
  await assert.rejects(admin.createTopics({ fine: { partitions: 0 } }), { code: 'USAGE' })
  const misspelt = admin.createTopics({ fine: { numPartitions: 6 } as never })
  await assert.rejects(misspelt, { code: 'USAGE', message: /Did you mean "partitions"/ })
  for (const shape of [[{ topic: 'fine' }], { fine: 6 }, 'fine', null]) {
    await assert.rejects(admin.createTopics(shape as never), { code: 'USAGE' })
  }
  await admin.close()
  await assert.rejects(admin.listTopics(), { code: 'CLOSED' })
})

for (const version of ['4.0.1', '3.9.2']) {
  ownKafkaScenario('topics, records and offsets', { version }, async (it) => {
    const kafka = it.client()
    await using admin = kafka.admin()
    await using producer = kafka.producer()
    const topic = await it.topic(2)
    await producer.send(topic, [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 1 },
    ])
    const ends = (await admin.listOffsets({ [topic]: 'latest' })).get(topic)
    assert.deepEqual(
      ends?.map(({ offset }) => offset),
      [1, 1],
    )
    assert.equal((await admin.listGroups()).size, 0)
    await admin.deleteTopics([topic])
  })
}
