/** Administration of share groups: the same words from the embedded broker and from Kafka. */
import assert from 'node:assert/strict'
import { PartialError } from 'odradek'
import { scenario } from './clusters.ts'
import { numbered, take } from './share-setup.ts'

const LONG = { timeoutMs: 120_000 }

scenario(
  'a share group: members, offsets, moved and forgotten, and its end',
  async (it) => {
    const kafka = it.client()
    await using admin = kafka.admin()
    const { topic, groupId, consumer: make } = await numbered(it, 10)
    const consumer = make({ shareAcquireMode: 'record_limit', maxPollRecords: 4 })
    await take(consumer, 4)
    await consumer.commit()

    const group = (await admin.describeGroups([groupId])).get(groupId)
    assert.deepEqual([group?.type, group?.state], ['share', 'Stable'])
    const [member] = group?.members ?? []
    assert.equal(member?.clientId, 'integration')
    assert.deepEqual(member?.topics, [topic])
    assert.deepEqual(member?.assignment, [{ topic, partition: 0 }])
    const listed = await admin.listGroups({ type: 'share' })
    assert.equal(listed.get(groupId)?.state, 'Stable')
    assert.equal((await admin.listGroups({ type: 'consumer' })).has(groupId), false)

    for (const refused of [
      () => admin.alterShareGroupOffsets(groupId, { [topic]: 'earliest' }),
      () => admin.deleteShareGroupOffsets(groupId, [topic]),
      () => admin.deleteGroups([groupId]),
    ]) {
      await assert.rejects(refused, { code: 'NON_EMPTY_GROUP' })
    }
    await consumer.close()

    const offsets = async () => {
      const all = await admin.shareGroupOffsets(groupId)
      return all.get(topic)?.map(({ partition, startOffset, lag }) => [partition, startOffset, lag])
    }
    // Where it stands is written down now and then; how far it is behind is exact.
    assert.equal((await offsets())?.[0]?.[2], 6)

    await admin.alterShareGroupOffsets(groupId, { [topic]: { 0: 2 } })
    assert.deepEqual(
      (await offsets())?.map((one) => one.slice(0, 2)),
      [[0, 2]],
    )
    const again = make()
    assert.deepEqual(
      (await take(again, 2)).map(([offset]) => offset),
      [2, 3],
    )
    await again.close()

    await admin.alterShareGroupOffsets(groupId, { [topic]: 'latest' })
    assert.deepEqual(
      (await offsets())?.map((one) => one.slice(0, 2)),
      [[0, 10]],
    )
    const some = await admin
      .alterShareGroupOffsets(groupId, { [topic]: { 0: 'earliest', 7: 1 } })
      .catch((error: unknown) => error)
    assert.ok(some instanceof PartialError)
    assert.equal(some.results.get(`${topic}:0`), true)
    const failed = some.results.get(`${topic}:7`) as { readonly code?: string }
    assert.equal(failed.code, 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.deepEqual(
      (await offsets())?.map((one) => one.slice(0, 2)),
      [[0, 0]],
    )

    await admin.deleteShareGroupOffsets(groupId, [topic])
    assert.equal(await offsets(), undefined)
    await assert.rejects(admin.deleteShareGroupOffsets(groupId, [it.uniqueName('no')]), {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    await admin.deleteGroups([groupId])
    assert.equal((await admin.listGroups({ type: 'share' })).has(groupId), false)
  },
  LONG,
)

scenario('a share group that does not exist, and a group of another kind', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  const topic = await it.topic()
  const [groupId, classic] = [it.uniqueName('nobody'), it.uniqueName('classic')]
  const consumer = kafka.consumer({ groupId: classic, topics: [topic], startFrom: 'latest' })
  const reading = consumer.run(() => undefined)
  await new Promise<void>((resolve) => void consumer.on('rebalanced', () => resolve()))
  await using producer = kafka.producer()
  await producer.send(topic, [{ value: 'a' }, { value: 'b' }])

  for (const id of [groupId, classic]) {
    assert.equal((await admin.shareGroupOffsets(id)).size, 0)
    const deleting = admin.deleteShareGroupOffsets(id, [topic])
    await assert.rejects(deleting, { code: 'GROUP_ID_NOT_FOUND' })
  }
  const altering = admin.alterShareGroupOffsets(classic, { [topic]: 'earliest' })
  await assert.rejects(altering, { code: 'GROUP_ID_NOT_FOUND' })
  await consumer.close()
  await reading

  // Setting the offsets of a group that does not exist makes it: where it is to begin.
  await admin.alterShareGroupOffsets(groupId, { [topic]: { 0: 1 } })
  const offsets = (await admin.shareGroupOffsets(groupId)).get(topic)
  assert.deepEqual(
    offsets?.map(({ partition, startOffset }) => [partition, startOffset]),
    [[0, 1]],
  )
  const { type, state, epoch } = (await admin.describeGroups([groupId])).get(groupId) ?? {}
  assert.deepEqual([type, state, epoch], ['share', 'Empty', 1])
  const sharer = kafka.shareConsumer({ groupId, topics: [topic] })
  assert.deepEqual(await take(sharer, 1), [[1, 1]])
  await sharer.close()

  for (const wrong of [17, 'middle', { 0: -1 }, { x: 1 }, null]) {
    await assert.rejects(admin.alterShareGroupOffsets(groupId, { [topic]: wrong } as never), {
      code: 'USAGE',
    })
  }
})
