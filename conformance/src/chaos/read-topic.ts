/** Reads a topic from its first record to its end, as it is now, without a group. */
import type { ConsumerOptions, ConsumerRecord, Kafka } from 'odradek'

export async function readTopic(
  kafka: Kafka,
  topic: string,
  onRecord: (record: ConsumerRecord) => void,
  isolationLevel?: ConsumerOptions['isolationLevel'],
): Promise<void> {
  await using admin = kafka.admin()
  const bound = async (which: 'earliest' | 'latest') =>
    (await admin.listOffsets({ [topic]: which })).get(topic) ?? []
  const starts = await bound('earliest')
  const ends = await bound('latest')
  const open = new Map(
    ends.flatMap(({ partition, offset }) => {
      const start = starts.find((one) => one.partition === partition)?.offset ?? 0
      return (offset ?? 0) > start ? [[partition, { start, end: offset ?? 0 }]] : []
    }),
  )
  if (open.size === 0) return
  const partitions = [...open].map(([partition, { start }]) => ({
    topic,
    partition,
    offset: start,
  }))
  await using consumer = kafka.consumer({ partitions, startFrom: 'earliest', isolationLevel })
  for await (const record of consumer) {
    const { partition, offset } = record
    const range = open.get(partition)
    if (range === undefined || offset >= range.end) continue
    onRecord(record)
    if (offset + 1 >= range.end) open.delete(partition)
    if (open.size === 0) break
  }
}
