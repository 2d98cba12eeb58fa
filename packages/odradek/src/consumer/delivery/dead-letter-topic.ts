/** A dead letter topic that does not exist is found before a record needs it. */
import type { Cluster } from '../../cluster/cluster.ts'
import { UsageError } from '../../errors/errors.ts'

export interface DeadLetterTopic {
  readonly topic: string
  /** What was given the topic, for the error: `consumer.run(...)`. */
  readonly where: string
  /** How long a topic that brokers do not know (yet) is looked for. */
  readonly graceMs: number
  readonly signal: AbortSignal
}

/** The error when the topic does not exist; undefined when it does, or it cannot be known. */
export async function missingDeadLetterTopic(
  cluster: Cluster,
  { topic, where, graceMs, signal }: DeadLetterTopic,
): Promise<UsageError | undefined> {
  const code = 'UNKNOWN_TOPIC_OR_PARTITION'
  try {
    await cluster.topic(topic, cluster.options.defaultApiTimeoutMs, signal, graceMs)
    return undefined
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== code || signal.aborted) return undefined
    const text =
      `${where} was given the dead letter topic "${topic}", which does not exist: create it, ` +
      'for instance with admin.createTopics.'
    return new UsageError(text, { code, cause })
  }
}
