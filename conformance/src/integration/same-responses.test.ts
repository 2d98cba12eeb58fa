/** Error codes and messages of Kafka 4.4.0, which both brokers respond with to the same requests. */
import assert from 'node:assert/strict'
import { apis, type Kafka } from 'odradek'
import { type Scenario, scenario } from './clusters.ts'

const RESOURCE = { topic: 2, broker: 4, unknown: 99 } as const
const ERROR = {
  ...{ none: 0, unknownTopic: 3, topicExists: 36, invalidPartitions: 37, invalidReplication: 38 },
  ...{ invalidConfig: 40, invalidRequest: 42 },
} as const
const SET = 0
const MISSING = 'no-such-topic'
const RAW = { returnErrors: true } as const
const MALFORMED_REQUEST =
  'This most likely occurs because of a request being malformed by the client library or the ' +
  'message was sent to an incompatible broker. See the broker logs for more details.'

type Verdict = readonly [errorCode: number, errorMessage: string | null]

const verdict = ({ errorCode, errorMessage }: { errorCode: number; errorMessage: string | null }) =>
  [errorCode, errorMessage] as const

async function describeConfigs(
  kafka: Kafka,
  [resourceType, resourceName]: readonly [number, string],
  configurationKeys: string[] | null,
) {
  const resources = [{ resourceType, resourceName, configurationKeys }]
  const { results } = await kafka.request(apis.DescribeConfigs, { resources }, RAW)
  const [result] = results
  assert.ok(result !== undefined)
  return result
}

scenario(
  'DescribeConfigs describes every config for no keys, and none for an unknown key',
  async (it) => {
    const kafka = it.client()
    for (const resource of [
      [RESOURCE.topic, await it.topic()],
      [RESOURCE.broker, '1'],
    ] as const) {
      const all = await describeConfigs(kafka, resource, null)
      assert.deepEqual(verdict(all), [ERROR.none, ''])
      assert.ok(all.configs.length > 30)
      const empty = await describeConfigs(kafka, resource, [])
      assert.deepEqual(verdict(empty), [ERROR.none, ''])
      assert.equal(empty.configs.length, all.configs.length)
      const unknown = await describeConfigs(kafka, resource, ['no.such'])
      assert.deepEqual([...verdict(unknown), unknown.configs.length], [ERROR.none, '', 0])
    }
    for (const [resource, expected] of [
      [
        [RESOURCE.topic, MISSING],
        [ERROR.unknownTopic, ''],
      ],
      [
        [RESOURCE.broker, '77'],
        [ERROR.invalidRequest, 'Unexpected broker id, expected 1 or empty string, but received 77'],
      ],
      [
        [RESOURCE.unknown, 'x'],
        [ERROR.invalidRequest, MALFORMED_REQUEST],
      ],
    ] as const) {
      assert.deepEqual(verdict(await describeConfigs(kafka, resource, [])), expected)
    }
  },
)

scenario('ApiVersions announces Produce from version 0 on', async (it) => {
  const body = { clientSoftwareName: 'odradek', clientSoftwareVersion: '0' }
  const { apiKeys } = await it.client().request(apis.ApiVersions, body, RAW)
  assert.deepEqual(
    apiKeys.find(({ apiKey }) => apiKey === 0),
    { apiKey: 0, minVersion: 0, maxVersion: 13 },
  )
})

scenario('topics are created, grown and altered with the messages of Kafka', async (it) => {
  const kafka = it.client()
  const topic = await it.topic(2)
  for (const [change, expected] of [
    [{}, [ERROR.none, null]],
    [{ name: topic }, [ERROR.topicExists, `Topic '${topic}' already exists.`]],
    [
      { numPartitions: 0 },
      [ERROR.invalidPartitions, 'Number of partitions was set to an invalid non-positive value.'],
    ],
    [
      { replicationFactor: 9 },
      [
        ERROR.invalidReplication,
        'Unable to replicate the partition 9 time(s): The target replication factor of 9 cannot ' +
          'be reached because only 1 broker(s) are registered or some brokers have all their log ' +
          'directories cordoned.',
      ],
    ],
    [
      { configs: [{ name: 'retention.ms', value: 'x' }] },
      [
        ERROR.invalidConfig,
        'Invalid value x for configuration retention.ms: Not a number of type LONG',
      ],
    ],
    [
      { configs: [{ name: 'no.such', value: 'x' }] },
      [ERROR.invalidConfig, 'Unknown topic config name: no.such'],
    ],
  ] as const) {
    assert.deepEqual(await create(it, kafka, change), expected)
  }
  assert.deepEqual(await grow(kafka, topic, 2), [
    ERROR.invalidPartitions,
    'Topic already has 2 partition(s).',
  ])
  assert.deepEqual(await grow(kafka, topic, 1), [
    ERROR.invalidPartitions,
    `The topic ${topic} currently has 2 partition(s); 1 would not be an increase.`,
  ])
  assert.deepEqual(await grow(kafka, MISSING, 3), [ERROR.unknownTopic, null])
  assert.deepEqual(await grow(kafka, topic, 3), [ERROR.none, null])
  assert.deepEqual(await alter(kafka, topic, ['retention.ms', '1000']), [ERROR.none, null])
  assert.deepEqual(await alter(kafka, topic, ['preallocate', 'x']), [
    ERROR.invalidConfig,
    'Invalid value x for configuration preallocate: Expected value to be either true or false',
  ])
  assert.deepEqual(await alter(kafka, topic, ['message.timestamp.type', 'x']), [
    ERROR.invalidConfig,
    'Invalid value x for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime',
  ])
})

async function create(it: Scenario, kafka: Kafka, change: object): Promise<Verdict | undefined> {
  const plain = { name: it.uniqueName('new'), numPartitions: 1, replicationFactor: 1 }
  const topics = [{ ...plain, assignments: [], configs: [], ...change }]
  const body = { topics, timeoutMs: 10_000, validateOnly: false }
  const response = await kafka.request(apis.CreateTopics, body, RAW)
  return response.topics.map(verdict)[0]
}

async function grow(kafka: Kafka, name: string, count: number): Promise<Verdict | undefined> {
  const topics = [{ name, count, assignments: null }]
  const body = { topics, timeoutMs: 10_000, validateOnly: false }
  return (await kafka.request(apis.CreatePartitions, body, RAW)).results.map(verdict)[0]
}

async function alter(
  kafka: Kafka,
  resourceName: string,
  [name, value]: readonly [string, string],
): Promise<Verdict | undefined> {
  const configs = [{ name, value, configOperation: SET }]
  const resources = [{ resourceType: RESOURCE.topic, resourceName, configs }]
  const body = { resources, validateOnly: false }
  return (await kafka.request(apis.IncrementalAlterConfigs, body, RAW)).responses.map(verdict)[0]
}
