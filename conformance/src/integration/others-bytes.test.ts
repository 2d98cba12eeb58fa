/** Members whose subscriptions are not written as Kafka's clients write them (S46). */
import assert from 'node:assert/strict'
import { apis, type Kafka, type KafkaError } from 'odradek'
import { Speaker } from './classic-speaker.test-kit.ts'
import { scenario } from './clusters.ts'
import { until } from './consumer-protocol.test-kit.ts'

/** Version 1 without its owned partitions, as @platformatic/kafka writes it. */
function endsEarly(topic: string): Buffer {
  const name = Buffer.from(topic)
  const head = Buffer.from([0, 1, 0, 0, 0, 1, name.length >> 8, name.length & 255])
  return Buffer.concat([head, name, Buffer.from('ffffffff', 'hex')])
}

const UNREADABLE = Buffer.from('hello')
/** An assignment of version 0. */
const NO_PARTITIONS = Buffer.from('000000000000ffffffff', 'hex')
const INCONSISTENT_GROUP_PROTOCOL = 23
const GROUP_SUBSCRIBED_TO_TOPIC = 86
const REBALANCE_IN_PROGRESS = 27

/** An assignment of version 0: partition 0 of a topic. */
function onePartition(topic: string): Buffer {
  const subscription = endsEarly(topic)
  const partitions = Buffer.from('0000000100000000', 'hex')
  const head = Buffer.concat([Buffer.from([0, 0]), subscription.subarray(2, -4)])
  return Buffer.concat([head, partitions, subscription.subarray(-4)])
}

function speaker(kafka: Kafka, groupId: string, subscription: Buffer): Promise<Speaker> {
  return Speaker.of(kafka, groupId, { protocols: { range: subscription } })
}

/** The only member of its group, which is stable. */
async function alone(kafka: Kafka, groupId: string, subscription: Buffer): Promise<Speaker> {
  const member = await speaker(kafka, groupId, subscription)
  const { generationId, errorCode } = await member.joinWithId()
  assert.equal(errorCode, 0)
  const own = { memberId: member.memberId, assignment: NO_PARTITIONS }
  assert.equal((await member.sync(generationId, [own])).errorCode, 0)
  return member
}

/** What the client reports, from now on: group, member and code. */
function unreadable(kafka: Kafka): unknown[] {
  const reported: unknown[] = []
  kafka.on('unreadableSubscription', ({ groupId, memberId, error }) => {
    reported.push([groupId, memberId, (error as KafkaError).code])
  })
  return reported
}

/** Of an assignment to one topic. */
function partitionCount(assignment: Buffer): number {
  if (assignment.readInt32BE(2) === 0) return 0
  const nameLength = assignment.readInt16BE(6)
  return assignment.readInt32BE(8 + nameLength)
}

async function deleteOffset(kafka: Kafka, groupId: string, topic: string): Promise<number> {
  const { topics, errorCode } = await kafka.request(
    apis.OffsetDelete,
    { groupId, topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }] },
    { returnErrors: true },
  )
  return topics[0]?.partitions[0]?.errorCode ?? errorCode
}

for (const [name, subscription, isRead] of [
  ['ends early', endsEarly, true],
  ['cannot be read', () => UNREADABLE, false],
] as const) {
  scenario(`S46 OffsetDelete in a group with a subscription that ${name}`, async (it) => {
    const kafka = it.client()
    const [topic, other] = [await it.topic(), await it.topic()]
    const groupId = it.uniqueName('deletes')
    const member = await alone(kafka, groupId, subscription(topic))
    assert.equal(await deleteOffset(kafka, groupId, topic), GROUP_SUBSCRIBED_TO_TOPIC)
    // A subscription that cannot be read may be to any topic.
    const expected = isRead ? 0 : GROUP_SUBSCRIBED_TO_TOPIC
    assert.equal(await deleteOffset(kafka, groupId, other), expected)
    await member.leave()
  })

  scenario(`S46 describeGroups reads, or reports, a subscription that ${name}`, async (it) => {
    const kafka = it.client()
    const groupId = it.uniqueName('described')
    const topic = await it.topic()
    const member = await alone(kafka, groupId, subscription(topic))
    const reported = unreadable(kafka)
    await using admin = kafka.admin()
    const described = (await admin.describeGroups([groupId])).get(groupId)
    assert.deepEqual(described?.members[0]?.topics, isRead ? [topic] : [])
    const expected = isRead ? [] : [[groupId, member.memberId, 'MALFORMED']]
    assert.deepEqual(reported, expected)
    await member.leave()
  })

  scenario(`S46 a leader plans for a member with a subscription that ${name}`, async (it) => {
    const kafka = it.client()
    const groupId = it.uniqueName('planned')
    const topic = await it.topic(4)
    const options = { groupId, topics: [topic], startFrom: 'earliest' } as const
    const consumer = kafka.consumer({ ...options, groupProtocol: 'classic' })
    const reported = unreadable(kafka)
    const running = consumer.run(() => undefined)
    await until(() => consumer.assigned.length === 4)
    const member = await speaker(it.client(), groupId, subscription(topic))
    const joined = await member.joinWithId()
    assert.equal(joined.leader === member.memberId, false)
    const { assignment, errorCode } = await member.sync(joined.generationId)
    assert.equal(errorCode, 0)
    assert.equal(partitionCount(assignment), isRead ? 2 : 0)
    await until(() => consumer.assigned.length === (isRead ? 2 : 4))
    assert.deepEqual(reported, isRead ? [] : [[groupId, member.memberId, 'MALFORMED']])
    await member.leave()
    await consumer.close()
    await running
  })

  scenario(`S46 a group with a subscription that ${name} stays a classic group`, async (it) => {
    const kafka = it.client()
    const groupId = it.uniqueName('converted')
    const topic = await it.topic()
    const member = await alone(kafka, groupId, subscription(topic))
    const options = { groupId, topics: [topic], startFrom: 'earliest' } as const
    const consumer = kafka.consumer({ ...options, groupProtocol: 'consumer' })
    await assert.rejects(
      consumer.run(() => undefined),
      ({ code, message, cause }: KafkaError) => {
        assert.equal(code, 'GROUP_ID_NOT_FOUND')
        assert.match(message, /a member whose subscription the broker cannot read/)
        assert.match((cause as Error).message, /the embedded consumer protocol is malformed/)
        return true
      },
    )
    await member.leave()
  })

  scenario(`S46 a consumer group takes no member with a subscription that ${name}`, async (it) => {
    const kafka = it.client()
    const groupId = it.uniqueName('joined')
    const topic = await it.topic()
    const options = { groupId, topics: [topic], startFrom: 'earliest' } as const
    const consumer = kafka.consumer({ ...options, groupProtocol: 'consumer' })
    const running = consumer.run(() => undefined)
    await until(() => consumer.assigned.length === 1)
    const member = await speaker(it.client(), groupId, subscription(topic))
    assert.equal((await member.joinWithId()).errorCode, INCONSISTENT_GROUP_PROTOCOL)
    await consumer.close()
    await running
  })
}

scenario(
  'S46 a member that cannot read its own assignment reports it, and reads with the next plan',
  async (it) => {
    const kafka = it.client()
    const groupId = it.uniqueName('led')
    const topic = await it.topic()
    const leader = await alone(kafka, groupId, endsEarly(topic))
    const options = { groupId, topics: [topic], startFrom: 'earliest' } as const
    const consumer = it.client().consumer({ ...options, groupProtocol: 'classic' })
    const reported: string[] = []
    consumer.on('unreadableAssignment', (event) => reported.push(event.memberId))
    const running = consumer.run(() => undefined)
    const plan = async (assignment: Buffer) => {
      const { generationId, members } = await leader.join()
      const planned = members.map(({ memberId }) => ({
        memberId,
        assignment: memberId === leader.memberId ? NO_PARTITIONS : assignment,
      }))
      assert.equal((await leader.sync(generationId, planned)).errorCode, 0)
      return planned.find((one) => one.assignment === assignment)?.memberId
    }
    await until(async () => (await leader.heartbeat(1)) === REBALANCE_IN_PROGRESS)
    const memberId = await plan(UNREADABLE)
    await until(() => reported.length > 0)
    assert.deepEqual(reported, [memberId])
    await plan(onePartition(topic))
    await until(() => consumer.assigned.length === 1)
    await consumer.close()
    await running
    await leader.leave()
  },
)
