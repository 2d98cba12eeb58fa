/** Topics by a pattern in a classic group. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer } from 'odradek'
import { scenario } from './clusters.ts'

async function until(isReached: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 20) {
    if (isReached()) return
    await sleep(20)
  }
  assert.fail('it did not come to that')
}

const topicsOf = (consumer: Consumer): string =>
  [...new Set(consumer.assigned.map(({ topic }) => topic))].sort((a, b) => (a < b ? -1 : 1)).join()

scenario(
  'classic members read topics by a pattern, those that are created later, too',
  async (it) => {
    const prefix = it.uniqueName('eu')
    const kafka = it.client({ metadataMaxAgeMs: 500 })
    const admin = kafka.admin()
    await admin.createTopics({
      [`${prefix}-a`]: { partitions: 2 },
      [`not-${prefix}`]: { partitions: 1 },
    })
    const consumer = kafka.consumer({
      groupId: it.uniqueName('g'),
      groupProtocol: 'classic',
      topics: new RegExp(`^${prefix}-`),
      startFrom: 'earliest',
    })
    const values: string[] = []
    consumer.run(({ value }) => void values.push(String(value))).catch(() => undefined)
    await until(() => topicsOf(consumer) === `${prefix}-a`)
    await admin.createTopics({ [`${prefix}-b`]: { partitions: 1 } })
    await until(() => topicsOf(consumer) === `${prefix}-a,${prefix}-b`)
    const producer = kafka.producer()
    await producer.send(`${prefix}-b`, { value: 'late' })
    await until(() => values.length === 1)
    await consumer.commit()
    await admin.deleteTopics([`${prefix}-b`])
    await until(() => topicsOf(consumer) === `${prefix}-a`)
  },
)
