// Plays AWS Lambda: loads the bundled handler in a process of its own, invokes it, freezes the
// process (SIGSTOP) for longer than its connections live, thaws it and invokes it again.
//
//   node lambda-runtime.mjs FILE
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { startBroker } from '@odradek/broker'

const [, self, file, role] = process.argv

async function serve() {
  const { handler } = await import(`./${file}`)
  process.on('message', (event) => {
    handler(event).then(
      (response) => process.send(response),
      ({ message }) => process.send({ statusCode: 500, message }),
    )
  })
  process.send('ready')
}

async function play() {
  const broker = await startBroker({ topics: { orders: 1 } })
  const env = { ...process.env, BOOTSTRAP_SERVERS: broker.bootstrapServers }
  const child = fork(self, [file, 'child'], { env })
  const message = () => new Promise((resolve) => child.once('message', resolve))
  const invoke = (value) => {
    const answer = message()
    child.send({ topic: 'orders', value })
    return answer
  }
  try {
    assert.equal(await message(), 'ready')
    assert.deepEqual(await invoke('one'), { statusCode: 200, offset: 0 })
    assert.deepEqual(await invoke('two'), { statusCode: 200, offset: 1 })
    child.kill('SIGSTOP')
    broker.disconnect(1)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    child.kill('SIGCONT')
    assert.deepEqual(await invoke('three'), { statusCode: 200, offset: 2 })
  } finally {
    child.kill('SIGKILL')
    await broker.close()
  }
  console.log(`${file}: invoked, frozen, invoked again`)
}

await (role === 'child' ? serve() : play())
