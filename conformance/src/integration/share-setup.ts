/** What scenarios of share groups begin with: topics, groups, and ears. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis } from '@odradek/protocol'
import type { ClientEvents, Kafka, ShareConsumer, ShareConsumerOptions } from 'odradek'
import type { Scenario } from './clusters.ts'

const GROUP_RESOURCE = 32

export interface Setup {
  readonly topic: string
  readonly groupId: string
  readonly consumer: (
    options?: Partial<ShareConsumerOptions<string>>,
    kafka?: Kafka,
  ) => ShareConsumer
}

interface SetupOptions {
  readonly partitions?: number
  readonly configs?: Readonly<Record<string, string | number>>
}

/** A topic with numbered records (`0`, `1`, ...), and a share group that begins at the first. */
export async function numbered(
  it: Scenario,
  count: number,
  { partitions = 1, configs = {} }: SetupOptions = {},
): Promise<Setup> {
  const own = it.client()
  const topic = await it.topic(partitions)
  const groupId = it.uniqueName('share')
  await configure(own, groupId, { 'share.auto.offset.reset': 'earliest', ...configs })
  await produce(own, topic, 0, count, partitions)
  return {
    topic,
    groupId,
    consumer: (options = {}, kafka = own) =>
      kafka.shareConsumer({ groupId, topics: [topic], ...options }),
  }
}

async function configure(
  kafka: Kafka,
  groupId: string,
  values: Readonly<Record<string, string | number>>,
): Promise<void> {
  const configs = Object.entries(values).map(([name, value]) => {
    return { name, configOperation: 0, value: String(value) }
  })
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName: groupId, configs }]
  const body = { resources, validateOnly: false }
  const { responses } = await kafka.request(apis.IncrementalAlterConfigs, body, {
    returnErrors: true,
  })
  for (const { errorMessage, errorCode } of responses) {
    if (errorCode !== 0) throw new Error(errorMessage ?? `error ${errorCode}`)
  }
}

export async function produce(
  kafka: Kafka,
  topic: string,
  from: number,
  to: number,
  partitions = 1,
): Promise<void> {
  if (to <= from) return
  await using producer = kafka.producer()
  const records = Array.from({ length: to - from }, (_, index) => ({
    value: String(from + index),
    partition: (from + index) % partitions,
  }))
  await producer.send(topic, records)
}

/** What a consumer tells of, as it comes. */
export function hear<K extends keyof ClientEvents>(
  consumer: ShareConsumer,
  name: K,
): ClientEvents[K][] {
  const heard: ClientEvents[K][] = []
  consumer.on(name, (event) => void heard.push(event))
  return heard
}

export async function until(
  what: string,
  isTrue: () => boolean,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!isTrue()) {
    if (Date.now() > deadline) assert.fail(`Waited in vain: ${what}`)
    await sleep(20)
  }
}

/** Accepts so many, one by one. */
export async function take(consumer: ShareConsumer, count: number): Promise<[number, number][]> {
  const seen: [number, number][] = []
  for await (const record of consumer) {
    seen.push([record.offset, record.deliveryCount])
    if (seen.length < count) continue
    consumer.accept(record)
    break
  }
  return seen
}

export const byOffset = (a: [number, number], b: [number, number]): number => a[0] - b[0]
export const ascending = (a: number, b: number): number => a - b

export const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)
