/**
 * Tells of records that are tried again and again: their topic was deleted, nobody leads their
 * partition, brokers refuse them for now. A few seconds of that are everyday life; after that it is
 * said every so often, long before `deliveryTimeoutMs` fails the records. It needs no timer: they
 * are looked at whenever the sender looks for what may go.
 */
import type { BatchQueue } from './batch.ts'
import { ErrorCode } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { PATIENCE_MS, REPEAT_MS } from '../cluster/retrier.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'

export class WaitingReport {
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #deliveryTimeoutMs: number
  readonly #nextAt = new WeakMap<BatchQueue, number>()

  constructor(cluster: Cluster, emitter: TypedEmitter<ClientEvents>, deliveryTimeoutMs: number) {
    this.#cluster = cluster
    this.#emitter = emitter
    this.#deliveryTimeoutMs = deliveryTimeoutMs
  }

  note(queue: BatchQueue, now: number): void {
    const [head] = queue.waiting
    const error = head?.lastError
    if (head === undefined || error === undefined) return
    const waitedMs = now - head.createdAt
    if (waitedMs < PATIENCE_MS || now < (this.#nextAt.get(queue) ?? now)) return
    this.#nextAt.set(queue, now + REPEAT_MS)
    const { topic, partition } = queue
    const known = this.#cluster.metadata.topicErrors.get(topic)
    const isGone = known === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const message =
      `records for ${topic}-${partition} have waited for ${Math.round(waitedMs / 1000)} s` +
      `${isGone ? ' (the cluster has no such topic; was it deleted?)' : ''}; what is not ` +
      `delivered within ${this.#deliveryTimeoutMs} ms fails`
    const operation = `producing to ${topic}-${partition}`
    this.#emitter.emit('stalled', { operation, message, error })
  }
}
