import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { apiVersions, ErrorCode, fetch } from '@odradek/protocol'
import { startBroker } from '../start-broker.ts'
import { fetchBody, inVirtualWorld, join, send } from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 2 } }
const THREE = { brokers: 3, topics: { orders: { partitions: 1 } } }

describe('the wire', () => {
  test('an unknown version of ApiVersions gets a response in version 0', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const frame = Buffer.from('0000000a001200630000000000000000', 'hex').subarray(0, 14)
      const answer = await client.raw([frame])
      const decoded = apiVersions.response.at(0).decode(answer.subarray(4))
      assert.equal(decoded.errorCode, ErrorCode.UNSUPPORTED_VERSION)
      assert.ok(decoded.apiKeys.length > 20)
    })
  })

  test('nonsense, and frames that are too large, end their connection alone', async () => {
    const options = { ...ORDERS, socketRequestMaxBytes: 1000 }
    await inVirtualWorld(options, async ({ connect }) => {
      const good = await connect()
      for (const bytes of ['00000004ffffffff', '0000000a0003000900000000ffff', '7fffffff']) {
        const bad = await connect()
        void bad.raw([Buffer.from(bytes, 'hex')]).catch(() => undefined)
        await bad.closed
      }
      assert.equal((await send(good)).errorCode, 0)
    })
  })

  test('Produce is announced from version 0 on, and refused below 3 (KAFKA-18659)', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const { apiKeys } = await client.request(apiVersions, 0, {})
      assert.equal(apiKeys.find(({ apiKey }) => apiKey === 0)?.minVersion, 0)
      const old = await connect()
      void old.raw([Buffer.from('0000000a0000000000000000ffff', 'hex')]).catch(() => undefined)
      await old.closed
    })
  })

  test('maxApiVersions limits the versions of a broker', async () => {
    const options = { ...ORDERS, maxApiVersions: { Fetch: 11, InitProducerId: -1 } }
    await inVirtualWorld(options, async ({ connect }) => {
      const client = await connect()
      const { apiKeys } = await client.request(apiVersions, 0, {})
      assert.equal(apiKeys.find(({ apiKey }) => apiKey === 1)?.maxVersion, 11)
      assert.ok(!apiKeys.some(({ apiKey }) => apiKey === 22))
      const { errorCode } = await client.request(fetch, 12, fetchBody(0))
      assert.equal(errorCode, ErrorCode.UNSUPPORTED_VERSION)
    })
  })

  test('the same seed gives the same world', async () => {
    const scenario = () =>
      inVirtualWorld(THREE, async ({ connect, cluster }) => {
        const client = await connect(cluster.partition('orders', 0).leaderId)
        for (let index = 0; index < 20; index++) await send(client)
        await join(await connect(cluster.coordinatorOf('group')))
      })
    assert.equal((await scenario()).traceHash, (await scenario()).traceHash)
  })
})

test('options that are unknown or wrong are refused with a sentence', async () => {
  // Wrong on purpose, as untyped callers are.
  const refused = (options: object, words: RegExp) => assert.rejects(startBroker(options), words)
  await refused({ broker: 1 }, /no option "broker"\. Did you mean "brokers"\?$/)
  await refused({ brokers: 0 }, /"brokers" must be a whole number/)
  await refused(
    { topics: { orders: { partition: 3 } } },
    /Topic orders has no option "partition"\. Did you mean "partitions"\?/,
  )
  await refused({ topics: { 'no name': 1 } }, /not a valid topic name/)
  await refused({ topics: { orders: { configs: { nonsense: 1 } } } }, /nonsense/)
  await refused(
    { topics: { orders: { replicationFactor: 2 } } },
    /only 1 broker\(s\) are registered/,
  )
  await refused({ brokers: 2, port: [1] }, /list of 2 ports/)
  await refused({ sasl: { users: {} } }, /at least one user/)
  await refused({ maxApiVersions: { Nonsense: 1 } }, /names no API with "Nonsense"\.$/)
  await refused({ features: { colour: 1 } }, /there are group\.version, share\.version/)
  await refused({ sessionTimeoutMs: 1 }, /"groupMinSessionTimeoutMs", .* or "groupConsumer/)
})
