// The CommonJS build, required and used: cycles of classes, `import.meta` and dynamic imports break
// there and nowhere else.
const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')

const root = path.join(__dirname, '..')
const environment = require('@odradek/environment')
const protocol = require('@odradek/protocol')
const broker = require('@odradek/broker')
const client = require('odradek')
const internal = require('odradek/internal')

test('every entry point is the CommonJS build, and names the same things as the ES modules', async () => {
  for (const [name, loaded] of Object.entries({
    '@odradek/environment': environment,
    '@odradek/protocol': protocol,
    '@odradek/broker': broker,
    odradek: client,
    'odradek/internal': internal,
  })) {
    assert.match(require.resolve(name), /dist.cjs./)
    assert.ok(require.resolve(name).startsWith(root))
    const es = await import(name)
    const names = Object.keys(es).filter((key) => key !== 'default' && key !== 'module.exports')
    assert.deepEqual(Object.keys(loaded).sort(), names.sort(), name)
  }
})

test('records travel from a CommonJS client over an embedded broker, with every codec', async () => {
  const embedded = await broker.startBroker({ topics: { orders: 1 } })
  const kafka = new client.Kafka({ bootstrapServers: embedded.bootstrapServers })
  try {
    for (const compressionType of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const producer = kafka.producer({ compressionType })
      const value = compressionType.repeat(100)
      await producer.send('orders', [{ key: compressionType, value }])
      await producer.close()
    }
    const consumer = kafka.consumer({ groupId: 'g', topics: ['orders'], startFrom: 'earliest' })
    const keys = []
    for await (const record of consumer) {
      if (keys.push(String(record.key)) === 5) break
    }
    assert.deepEqual(keys, ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
  } finally {
    await kafka.close()
    await embedded.close()
  }
})

test('an error of one module format is an instance of the class of the other', async () => {
  const es = await import('odradek')
  const errors = Object.keys(client).filter((name) => name.endsWith('Error'))
  assert.ok(errors.includes('KafkaError') && errors.includes('UsageError'), errors.join())
  assert.throws(
    () => new client.Kafka({}),
    (error) => {
      assert.ok(error instanceof client.UsageError)
      assert.ok(error instanceof es.UsageError)
      assert.ok(error instanceof es.KafkaError)
      return !(error instanceof es.TimeoutError)
    },
  )
})

test('a virtual world runs in CommonJS', async () => {
  const world = new environment.VirtualWorld({ seed: 1 })
  const { timers } = world.process('a').environment
  await world.run(new Promise((resolve) => timers.set(3_600_000, resolve)))
  assert.equal(world.now, 3_600_000)
})
