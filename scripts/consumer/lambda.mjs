// A function as AWS Lambda runs it: what is outside of the handler is made once and reused by later
// invocations, between which the process is frozen.
import { Kafka } from 'odradek'

const kafka = new Kafka({ bootstrapServers: process.env.BOOTSTRAP_SERVERS })
const producer = kafka.producer()

export async function handler({ topic, value }) {
  const { offset } = await producer.send(topic, { value })
  return { statusCode: 200, offset }
}
