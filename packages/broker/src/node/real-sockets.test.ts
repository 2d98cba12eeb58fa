import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realEnvironment } from '@odradek/environment'
import { fetch, metadata, readRecordBatches } from '@odradek/protocol'
import { CERTIFICATE, PRIVATE_KEY } from '../certificate.test-kit.ts'
import { RawClient } from '../raw-client.test-kit.ts'
import { startBroker } from '../start-broker.ts'
import { fetchBody, join, send, sync } from '../virtual-cluster.test-kit.ts'

test('over TCP: records, groups, and a restart on the same port', async () => {
  const cluster = await startBroker({ topics: { orders: 1 } })
  const address = cluster.bootstrapServers
  const client = await RawClient.connect(realEnvironment, address)
  const values = Array.from({ length: 1000 }, (_, index) => `value ${index}`)
  assert.equal((await send(client, { values })).errorCode, 0)
  assert.equal((await send(client, { values })).baseOffset, 1000)
  const { responses } = await client.request(fetch, 12, fetchBody(0))
  const records = responses[0]?.partitions[0]?.records ?? Buffer.alloc(0)
  const batches = [...readRecordBatches(records)]
  assert.deepEqual(
    batches.map(({ baseOffset, recordCount }) => [baseOffset, recordCount]),
    [
      [0, 1000],
      [1000, 1000],
    ],
  )
  const share = await sync(client, await join(client))
  assert.match(share.assignment.toString(), /share of raw-/)
  await cluster.stop(1)
  await client.closed
  await assert.rejects(RawClient.connect(realEnvironment, address), /ECONNREFUSED/)
  await cluster.start(1)
  assert.equal(cluster.bootstrapServers, address)
  const again = await RawClient.connect(realEnvironment, address)
  assert.equal((await send(again)).baseOffset, 2000)
  await cluster.close()
  await again.closed
})

test('over TLS', async () => {
  await using cluster = await startBroker({
    topics: { orders: 1 },
    tls: { cert: CERTIFICATE, key: PRIVATE_KEY },
  })
  const client = await RawClient.connect(realEnvironment, cluster.bootstrapServers, {
    ca: CERTIFICATE,
  })
  assert.equal((await send(client)).errorCode, 0)
  const plain = await RawClient.connect(realEnvironment, cluster.bootstrapServers)
  await assert.rejects(plain.request(metadata, 9, { topics: [] }))
  client.destroy()
})

test('brokers of a cluster have ports of their own, and know each other', async () => {
  await using cluster = await startBroker({ brokers: 3, racks: ['a', 'b', 'c'] })
  const addresses = cluster.bootstrapServers.split(',')
  assert.equal(new Set(addresses).size, 3)
  const client = await RawClient.connect(realEnvironment, addresses[1] ?? '')
  const { brokers } = await client.request(metadata, 9, { topics: [] })
  assert.deepEqual(
    brokers.map(({ host, port, rack }) => [`${host}:${port}`, rack]),
    addresses.map((address, index) => [address, 'abc'[index]]),
  )
  client.destroy()
})
