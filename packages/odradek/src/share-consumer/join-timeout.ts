/**
 * Joining takes as long as it takes: an unreachable cluster is waited for, with `stalled` events.
 * Who wants to hear of it as an error gives `connectTimeoutMs`.
 */
import type { Timer } from '@odradek/environment'
import type { Cluster } from '../cluster/cluster.ts'
import { TimeoutError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { EffectiveShareConsumerOptions } from './share-consumer-options.ts'

export class JoinDeadline {
  readonly #cluster: Cluster
  #timer: Timer | undefined
  #stopListening: () => void = () => undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  start(
    { connectTimeoutMs, groupId }: EffectiveShareConsumerOptions,
    emitter: TypedEmitter<ClientEvents>,
    onLate: (error: TimeoutError) => void,
  ): void {
    if (connectTimeoutMs === undefined) return
    let cause: Error | undefined
    this.#stopListening = emitter.on('stalled', ({ error }) => {
      cause = error
    })
    this.#timer = this.#cluster.environment.timers.set(connectTimeoutMs, () => {
      this.#stopListening()
      const reason = cause === undefined ? '' : ` ${cause.message}`
      const message = `Share group "${groupId}" was not joined within ${connectTimeoutMs} ms.`
      onLate(new TimeoutError(message + reason, { cause }))
    })
  }

  /** Joined, or given up. */
  stop(): void {
    this.#stopListening()
    this.#cluster.environment.timers.clear(this.#timer)
  }
}
