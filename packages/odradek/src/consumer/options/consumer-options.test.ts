/** Options of a consumer that cannot be meant, or would do nothing, are refused with a sentence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka } from '../../kafka.ts'
import { json, string } from '../../serdes/serdes.ts'
import { topic } from '../../serdes/topic.ts'

const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const GROUP = { groupId: 'g', topics: ['t'], startFrom: 'earliest' } as const
const CHOSEN = { partitions: [{ topic: 't', partition: 0 }], startFrom: 'earliest' } as const

// oxlint-disable-next-line typescript/no-explicit-any -- what TypeScript would refuse is tried.
const wrong = (options: object): any => options

function refuses(options: object, message: RegExp): void {
  assert.throws(() => kafka.consumer(wrong(options)), { code: 'USAGE', message })
}

test('an assignor of one’s own has a name, a protocol and a function', () => {
  const assign = (): ReadonlyMap<string, readonly never[]> => new Map()
  const own = { name: 'mine', protocol: 'eager', assign } as const
  kafka.consumer({ ...GROUP, partitionAssignors: [own, 'range'] })
  const wrong = [
    { ...own, name: '' },
    { ...own, protocol: 'sticky' },
    { ...own, assign: undefined },
    { ...own, userData: Buffer.from('x') },
    null,
  ]
  for (const one of wrong) {
    refuses({ ...GROUP, partitionAssignors: [one] }, /must be a list of .* assignors of your own/)
  }
})

test('a partition is named once', () => {
  const partitions = [...CHOSEN.partitions, { topic: topic('t'), partition: 0 }]
  refuses({ ...CHOSEN, partitions }, /^"partitions" of kafka.consumer\(...\) names t-0 twice\.$/)
})

test('options of groups are refused where there is none', () => {
  const ofMembers = {
    groupProtocol: 'consumer',
    groupRemoteAssignor: 'range',
    groupInstanceId: 'pod-1',
    partitionAssignors: ['range'],
    sessionTimeoutMs: 30_000,
    heartbeatIntervalMs: 1000,
  }
  for (const [name, value] of Object.entries(ofMembers)) {
    if (name === 'groupRemoteAssignor') continue
    const message = new RegExp(`^"${name}" of .* is for members of a group`)
    refuses({ ...CHOSEN, groupId: 'g', [name]: value }, message)
  }
  refuses({ ...CHOSEN, enableAutoCommit: true }, /needs the option "groupId": without one nothing/)
  refuses({ ...CHOSEN, autoCommitIntervalMs: 1000 }, /^"autoCommitIntervalMs" .* needs the option/)
  kafka.consumer({ ...CHOSEN, enableAutoCommit: false })
  kafka.consumer({ ...CHOSEN, groupId: 'g', autoCommitIntervalMs: 1000 })
})

test('types: other topics of the same kind may be subscribed to', () => {
  const named = kafka.consumer(GROUP)
  named.subscribe(['t', 'other'])
  const orders = topic('orders', { key: string, value: json<{ total: number }>() })
  const typed = kafka.consumer({ ...GROUP, topics: [orders] })
  typed.subscribe([orders])
  // @ts-expect-error -- its records would not be what the consumer's types say.
  typed.subscribe(['raw'])
})
