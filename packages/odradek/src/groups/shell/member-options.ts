/** What a member is told, whatever protocol it speaks. */
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { Seat } from './heartbeat-handle.ts'

export interface MemberOptions<Step> {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly rebalanceTimeoutMs: number
  readonly topics: readonly string[]
  readonly clientRack: string | null
  /** Beside the heartbeat thread, if there is one. */
  readonly seat?: Seat | undefined
  readonly emitter: TypedEmitter<ClientEvents>
  /** Hears every step. */
  readonly onStep?: ((step: Step) => void) | undefined
}
