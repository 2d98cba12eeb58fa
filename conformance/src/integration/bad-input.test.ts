/** What cannot be is refused with a sentence, by the client or in the cluster's own words. */
import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis, type Kafka, UsageError } from 'odradek'
import { kafkaScenario, scenario } from './clusters.ts'
import { numbered, take } from './numbered.test-kit.ts'

scenario('bad input: options that cannot be meant are refused when they are given', async (it) => {
  const kafka = it.client()
  const refuses = (options: object, message: RegExp): void => {
    const given = { groupId: 'g', topics: ['t'], startFrom: 'earliest', ...options }
    assert.throws(
      () => kafka.consumer(given as never),
      (error: Error) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, message)
        return true
      },
    )
  }
  refuses({ groupId: undefined }, /needs the option "groupId"/)
  refuses({ groupId: '' }, /"groupId" .* must be a string that is not empty/)
  refuses({ partitionAssignors: ['stiky'] }, /There is no partition assignor "stiky"/)
  refuses({ partitionAssignors: [{ name: 'mine' }] }, /assignors of your own: \{ name, protocol/)
  refuses({ groupRemoteAssignor: 'range' }, /needs groupProtocol "consumer"/)
  refuses({ groupProtocol: 'consumer', topics: /(?!x)/ }, /looks around .* RE2 syntax/)
  refuses({ topics: ['orders-*'] }, /is no topic name/)
})

scenario('bad input: what only the coordinator can know is its own error, at once', async (it) => {
  const { topic } = await numbered(it, 1)
  const kafka = it.client()
  const options = { groupProtocol: 'consumer', startFrom: 'earliest' } as const
  const pattern = kafka.consumer({ ...options, groupId: it.uniqueName('g'), topics: /a{1001}/ })
  await assert.rejects(take(pattern, 1), { code: 'INVALID_REGULAR_EXPRESSION' })
  const groupId = it.uniqueName('g')
  const assignor = kafka.consumer({
    ...options,
    ...{ groupId, topics: [topic], groupRemoteAssignor: 'rnge' },
  })
  await assert.rejects(take(assignor, 1), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'UNSUPPORTED_ASSIGNOR')
    assert.match(error.message, /uniform/)
    return true
  })
})

scenario('bad input: partitions that are not ours are neither sought nor committed', async (it) => {
  const { consumer, topic } = await numbered(it, 5)
  const [one, other] = [
    consumer(),
    it.client().consumer({
      groupId: it.uniqueName('g'),
      topics: [topic],
      startFrom: 'earliest',
    }),
  ]
  const iterator = one[Symbol.asyncIterator]()
  const { value: record } = await iterator.next()
  await take(other, 1)
  const notAssigned = { code: 'NOT_ASSIGNED', message: /that partition is not assigned to this/ }
  assert.throws(() => one.seek({ topic, partition: 9, offset: 0 }), notAssigned)
  assert.throws(() => one.seek({ topic: 'no', partition: 0, timestamp: 1 }), notAssigned)
  assert.throws(() => one.pause([{ topic, partition: 9 }]), notAssigned)
  await assert.rejects(one.commitOffsets([{ topic, partition: 9, offset: 1 }]), notAssigned)
  await assert.rejects(other.commit(record), /was delivered by another consumer/)
  assert.deepEqual(await one.committed([{ topic, partition: 0 }]), [null])
  await iterator.return?.()
  await one.close()
})

/** A client of a user who may do so much: operation 3 is to read. */
async function restricted(
  root: Kafka,
  saslPlaintext: string,
  it: { client(options: object): Kafka; uniqueName(prefix: string): string },
  mayRead: { readonly topic: string; readonly group: string },
): Promise<Kafka> {
  const username = it.uniqueName('carol')
  const salt = Buffer.from('salt-of-the-test')
  const saltedPassword = pbkdf2Sync('secret', salt, 4096, 32, 'sha256')
  await root.request(apis.AlterUserScramCredentials, {
    deletions: [],
    upsertions: [{ name: username, mechanism: 1, iterations: 4096, salt, saltedPassword }],
  })
  const grant = (resourceType: number, resourceName: string) => ({
    ...{ resourceType, resourceName, resourcePatternType: 3, principal: `User:${username}` },
    ...{ host: '*', operation: 3, permissionType: 3 },
  })
  await root.request(apis.CreateAcls, {
    creations: [grant(2, mayRead.topic), grant(3, mayRead.group)],
  })
  const sasl = { mechanism: 'scram-sha-256', username, password: 'secret' } as const
  return it.client({ bootstrapServers: saslPlaintext, sasl })
}

kafkaScenario(
  'bad input: a topic or a group that this user may not read is told by its name',
  async (it, { saslPlaintext }) => {
    const { topic, groupId: group } = await numbered(it, 3)
    const forbidden = await it.topic()
    const root = it.client()
    const kafka = await restricted(root, saslPlaintext, it, { topic, group })
    for (const groupProtocol of ['classic', 'consumer'] as const) {
      const options = { groupId: group, startFrom: 'earliest', groupProtocol } as const
      const told: string[] = []
      const consumer = kafka.consumer({ ...options, topics: [forbidden] })
      consumer.on('stalled', ({ error }) => void told.push(error?.message ?? ''))
      const message = new RegExp(`Could not read topic "${forbidden}": .*may not access the topic`)
      await assert.rejects(take(consumer, 1), { code: 'TOPIC_AUTHORIZATION_FAILED', message })
      // Whoever reads on all the same waits aloud.
      const reading = take(consumer, 1)
      for (let waited = 0; told.length === 0 && waited < 20_000; waited += 50) await sleep(50)
      assert.match(told.join('\n'), /may not access the topic/)
      await consumer.close()
      await reading
      const stranger = kafka.consumer({
        ...options,
        groupId: it.uniqueName('other'),
        topics: [topic],
      })
      await assert.rejects(take(stranger, 1), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'GROUP_AUTHORIZATION_FAILED')
        assert.doesNotMatch(error.message, /the broker says: \)/)
        return true
      })
    }
  },
)
