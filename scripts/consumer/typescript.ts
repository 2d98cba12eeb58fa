// A user's TypeScript, compiled as an ES module and as CommonJS with every check on, those of
// declaration files included.
import { startBroker } from '@odradek/broker'
import { VirtualWorld } from '@odradek/environment'
import { apis } from '@odradek/protocol'
import { json, Kafka, type KafkaOptions, string, topic } from 'odradek'

interface Order {
  readonly total: number
}

async function main(): Promise<void> {
  const broker = await startBroker({ topics: { orders: 1 } })
  const options: KafkaOptions = { bootstrapServers: broker.bootstrapServers, clientId: undefined }
  const kafka = new Kafka(options)
  const orders = topic('orders', { key: string, value: json<Order>() })
  const producer = kafka.producer()
  await producer.send(orders, { key: 'o-1', value: { total: 3 } })
  // @ts-expect-error a value of the wrong shape does not compile
  const wrong = (): Promise<unknown> => producer.send(orders, { key: 'o-2', value: { sum: 3 } })
  void wrong
  const consumer = kafka.consumer({ groupId: 'g', topics: [orders], startFrom: 'earliest' })
  for await (const record of consumer) {
    const total: number | undefined = record.value?.total
    if (total !== 3) throw new Error(`${total}`)
    break
  }
  const { brokers } = await kafka.request(apis.Metadata, { topics: [] })
  if (brokers.length !== 1) throw new Error('one broker')
  await kafka.close()
  await broker.close()
  const world = new VirtualWorld({ seed: 1 })
  await world.run(() => world.sleep(1000))
}

main().then(
  () => console.log('TypeScript compiles and runs'),
  (error: unknown) => {
    console.error(error)
    process.exitCode = 1
  },
)
