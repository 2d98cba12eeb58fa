// Members in racks, with brokers in racks: each reads what has a replica near to it (KIP-881).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '@odradek/broker'
import { VirtualWorld } from '@odradek/environment'
import { loadCodecs } from '@odradek/protocol'
import { Kafka } from 'odradek'

for (const assignor of ['cooperative-sticky', 'sticky', 'range']) {
  test(`${assignor}: partitions with one replica each go to members of their racks`, async () => {
    await loadCodecs()
    const world = new VirtualWorld({ seed: 81 })
    const cluster = await world.run(
      startBroker(
        {
          brokers: 3,
          racks: ['x', 'y', 'z'],
          topics: { orders: { partitions: 9, replicationFactor: 1 } },
        },
        {
          environment: world.process('cluster').environment,
          environmentOf: (nodeId) => world.process(`broker-${nodeId}`).environment,
        },
      ),
    )
    const { bootstrapServers } = cluster
    const members = ['z', 'y', 'x'].map((clientRack) => {
      const { environment } = world.process(`member-${clientRack}`)
      const kafka = new Kafka({ bootstrapServers, clientRack }, { environment })
      const consumer = kafka.consumer({
        groupId: 'readers',
        groupProtocol: 'classic',
        topics: ['orders'],
        startFrom: 'earliest',
        partitionAssignors: [assignor],
      })
      consumer.run(() => undefined).catch(() => undefined)
      return { clientRack, kafka, consumer }
    })
    await world.advance(20_000)
    for (const { clientRack, consumer } of members) {
      const nodeId = 1 + ['x', 'y', 'z'].indexOf(clientRack)
      assert.equal(consumer.assigned.length, 3)
      for (const { partition } of consumer.assigned) {
        assert.equal(cluster.partition('orders', partition).leaderId, nodeId)
      }
    }
    for (const { kafka } of members) await world.run(kafka.close())
    await world.run(cluster.close())
  })
}
