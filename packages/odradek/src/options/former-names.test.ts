// What 0.1 called otherwise is refused with the new name, wherever a program writes it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topic } from '../serdes/topic.ts'
import { Kafka } from '../kafka.ts'

const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const READER = { groupId: 'g', topics: ['t'], startFrom: 'earliest' } as const

const EVENTS = {
  storm: 'rebalanceStorm',
  marksDropped: 'staleMarksIgnored',
  watchdog: 'partitionProgress',
  groupTimings: 'brokerGroupConfig',
  deliveryGap: 'deliveryTimedOut',
  understudyOff: 'heartbeatThreadUnavailable',
} as const

for (const [before, now] of Object.entries(EVENTS)) {
  test(`the event ${before} is refused with ${now}`, () => {
    assert.throws(() => kafka.on(before as 'stalled', () => undefined), {
      code: 'USAGE',
      message: new RegExp(`no event "${before}"\\. It is "${now}" now`),
    })
  })
}

/** By the new name, what writes the old one. */
const OPTIONS: Readonly<Record<string, () => unknown>> = {
  heartbeatThread: () => kafka.consumer({ ...READER, understudy: true } as typeof READER),
  onDeliveryTimeout: () => kafka.producer({ onDataLoss: 'stop' } as object),
  onExhausted: () => {
    const onError = { otherwise: 'skip' } as object
    return kafka.consumer(READER).run(() => undefined, { onError })
  },
  partitionSignal: () => {
    const consumer = kafka.consumer(READER) as unknown as { signalOf(given: unknown): unknown }
    return consumer.signalOf({ topic: topic('t', {}), partition: 0 })
  },
}

for (const [now, write] of Object.entries(OPTIONS)) {
  test(`the former name of ${now} is refused with it`, () => {
    assert.throws(write, { code: 'USAGE', message: new RegExp(now) })
  })
}

test('the former names of a raw request are refused with the new ones', async () => {
  for (const [before, now] of [
    ['extraWaitMs', 'brokerWaitMs'],
    ['expectsAnswer', 'expectsResponse'],
  ] as const) {
    const asked = kafka.request({} as never, {} as never, { [before]: 1 })
    await assert.rejects(asked, { code: 'USAGE', message: new RegExp(now) })
  }
})
