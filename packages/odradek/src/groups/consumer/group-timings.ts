/** Under KIP-848 the broker owns the timings of a group: they are learned, and people are told. */
import type { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import { describeSessionTimeout } from './session-timeout.ts'

type Timings = ClientEvents['brokerGroupConfig']

export class GroupTimings {
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  #told: Timings | undefined

  constructor(cluster: Cluster, emitter: TypedEmitter<ClientEvents>) {
    this.#cluster = cluster
    this.#emitter = emitter
  }

  /** Undefined when nobody tells. */
  async learnSession(groupId: string): Promise<number | undefined> {
    return describeSessionTimeout(this.#cluster, groupId).catch(() => undefined)
  }

  /** Once for each change. An interval of 0 is none yet. */
  tell(timings: Timings): void {
    const { sessionTimeoutMs, heartbeatIntervalMs } = timings
    const isSame =
      this.#told?.sessionTimeoutMs === sessionTimeoutMs &&
      this.#told.heartbeatIntervalMs === heartbeatIntervalMs
    if (heartbeatIntervalMs === 0 || isSame) return
    this.#told = timings
    this.#emitter.emit('brokerGroupConfig', timings)
  }
}
