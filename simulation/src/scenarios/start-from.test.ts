/** Groups that begin at a timestamp, or so long before they first started (S9, S10). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, StartFrom } from 'odradek'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'

const PROTOCOLS = ['classic', 'consumer'] as const
type Protocol = (typeof PROTOCOLS)[number]

class Scene {
  readonly small: SmallWorld
  readonly #groupProtocol: Protocol
  #writers = 0

  constructor(small: SmallWorld, groupProtocol: Protocol) {
    this.small = small
    this.#groupProtocol = groupProtocol
  }

  member(name: string, startFrom: StartFrom): Consumer {
    const kafka = this.small.kafka(name, { metadataMaxAgeMs: 1000 })
    const groupProtocol = this.#groupProtocol
    return kafka.consumer({ groupId: 'billing', topics: ['orders'], startFrom, groupProtocol })
  }

  /** What it is given in so long, in order. */
  async read(consumer: Consumer, forMs: number): Promise<string[]> {
    const values: string[] = []
    const running = consumer.run(({ value }) => void values.push(String(value)))
    await this.small.world.sleep(forMs)
    await consumer.close()
    await running
    return values.sort()
  }

  async write(partition: number, ...values: readonly string[]): Promise<void> {
    const producer = this.small.producer(`writer-${++this.#writers}`)
    for (const value of values) await producer.send('orders', { value, partition })
    await producer.close()
  }

  get wallNow(): number {
    return this.small.process('clock').environment.clock.now()
  }
}

for (const protocol of PROTOCOLS) {
  const play = (story: (scene: Scene) => Promise<void>): Promise<void> =>
    SmallWorld.play((small) => story(new Scene(small, protocol)))

  test(`S10 ${protocol}: what is older than the timestamp is left out, and nothing else`, () =>
    play(async (scene) => {
      const { world } = scene.small
      await scene.write(0, 'old')
      await world.sleep(1000)
      const timestamp = scene.wallNow
      await world.sleep(1000)
      await scene.write(0, 'new')
      const reading = scene.read(scene.member('member', { timestamp }), 10_000)
      await world.sleep(5000)
      await scene.write(0, 'newer')
      assert.deepEqual(await reading, ['new', 'newer'])
    }))

  test(`S10 ${protocol}: where nothing is as late as the timestamp the group begins at the end, and reads whatever comes`, () =>
    play(async (scene) => {
      await scene.write(0, 'old')
      const timestamp = scene.wallNow + 60_000
      const reading = scene.read(scene.member('member', { timestamp }), 10_000)
      await scene.small.world.sleep(5000)
      await scene.write(0, 'before its time')
      assert.deepEqual(await reading, ['before its time'])
    }))

  test(`S10 ${protocol}: a duration counts from the group’s first start, for partitions that are added and members that come later`, () =>
    play(async (scene) => {
      const { world, cluster } = scene.small
      await scene.write(0, 'old')
      await world.sleep(60_000)
      await scene.write(0, 'recent')
      await world.sleep(5000)
      const first = await scene.read(scene.member('first', { durationMs: 10_000 }), 10_000)
      assert.deepEqual(first, ['recent'])
      cluster.addPartitions('orders', 2)
      await scene.write(1, 'while nobody reads')
      await world.sleep(60_000)
      await scene.write(1, 'later')
      const second = await scene.read(scene.member('second', { durationMs: 10_000 }), 10_000)
      assert.deepEqual(second, ['later', 'while nobody reads'])
    }))

  test(`S10 ${protocol}: a member that is killed before it has committed anything does not take the start with it`, () =>
    play(async (scene) => {
      const { world } = scene.small
      await scene.write(0, 'recent')
      const first = scene.member('first', { durationMs: 10_000 })
      const read: string[] = []
      first.run(({ value }) => void read.push(String(value))).catch(() => undefined)
      // Automatic commits come later than this.
      await world.sleep(4500)
      assert.deepEqual(read, ['recent'])
      scene.small.process('first').kill()
      await world.sleep(120_000)
      const second = await scene.read(scene.member('second', { durationMs: 10_000 }), 60_000)
      assert.deepEqual(second, ['recent'])
    }))
}
