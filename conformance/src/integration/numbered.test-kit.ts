/** Topics of numbered records, and consumers that take so many of them. */
import type { Consumer } from 'odradek'
import type { Scenario } from './clusters.ts'

export interface Setup {
  readonly topic: string
  readonly groupId: string
  readonly consumer: (options?: object) => Consumer
}

/** A topic with numbered records (`0`, `1`, ...) in one partition, and a group's name. */
export async function numbered(it: Scenario, count: number, partitions = 1): Promise<Setup> {
  const kafka = it.client()
  const topic = await it.topic(partitions)
  await using producer = kafka.producer()
  if (count > 0) {
    const records = Array.from({ length: count }, (_, index) => ({
      key: `key-${index % 7}`,
      value: String(index),
      partition: index % partitions,
    }))
    await producer.send(topic, records)
  }
  const groupId = it.uniqueName('group')
  return {
    topic,
    groupId,
    consumer: (options = {}) =>
      kafka.consumer({ groupId, topics: [topic], startFrom: 'earliest', ...options }),
  }
}

export async function take(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = []
  if (count === 0) return values
  for await (const record of consumer) {
    values.push(String(record.value))
    if (values.length === count) {
      consumer.mark(record)
      break
    }
  }
  return values
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index))
