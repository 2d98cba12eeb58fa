/** Rules of reading that a cluster has its part in. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis } from '@odradek/protocol'
import type { ClientEvents } from 'odradek'
import { scenario } from './clusters.ts'

scenario('S11 a topic made anew while no member ran is read from its start', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  const name = await it.topic()
  const groupId = it.uniqueName('group')
  const write = async (text: string, count: number): Promise<void> => {
    await using producer = it.client().producer()
    const records = Array.from({ length: count }, (_, index) => ({ value: `${text}-${index}` }))
    await producer.send(name, records)
  }
  const read = async (count: number, resets: ClientEvents['positionReset'][] = []) => {
    const consumer = it.client().consumer({ groupId, topics: [name], startFrom: 'latest' })
    consumer.on('positionReset', (event) => void resets.push(event))
    const seen: string[] = []
    for await (const record of consumer) {
      seen.push(String(record.value))
      if (seen.length < count) continue
      consumer.mark(record)
      break
    }
    await consumer.close()
    return seen
  }
  await write('before', 10)
  const commit = async (committedOffset: number, committedMetadata: string): Promise<void> => {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata }]
    const topics = [{ name, partitions }]
    const body = { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics }
    for (;;) {
      const answer = await kafka.request(apis.OffsetCommit, body, {
        returnErrors: true,
        maxVersion: 9,
      })
      const code = answer.topics[0]?.partitions[0]?.errorCode
      if (code === 0) return
      // A coordinator that begins its work says so, and is asked again.
      assert.ok(code === 14 || code === 15 || code === 16, `error ${code}`)
      await kafka.request(
        apis.FindCoordinator,
        { keyType: 0, coordinatorKeys: [groupId] },
        { returnErrors: true },
      )
      await sleep(100)
    }
  }
  // Somebody else's commit; what they wrote beside it stays.
  await commit(2, 'of a tool')
  assert.deepEqual(await read(3), ['before-2', 'before-3', 'before-4'])
  const [noted] = (await admin.committedOffsets(groupId)).get(name) ?? []
  assert.equal(noted?.offset, 5)
  assert.match(noted?.metadata ?? '', /^of a tool odradek:1;topic=[\w-]{22}$/)

  await admin.deleteTopics([name])
  await admin.createTopics({ [name]: { partitions: 1 } })
  await write('after', 8)
  // A member that was closing when the topic went away commits late, by name.
  await commit(5, noted?.metadata ?? '')
  const resets: ClientEvents['positionReset'][] = []
  assert.deepEqual(await read(3, resets), ['after-0', 'after-1', 'after-2'])
  assert.deepEqual(
    resets.map(({ offset, reason }) => [offset, reason]),
    [[0, 'the topic was created anew']],
  )
  // From there on it is a place in the new topic.
  assert.deepEqual(await read(2, resets), ['after-3', 'after-4'])
  assert.equal(resets.length, 1)
})
