/** What the main thread and the understudy say to each other; what must be instant is on boards. */
import type { EffectiveKafkaOptions } from '../../options/client-options.ts'
import type { Life } from '../group/heartbeat-request.ts'

export interface UnderstudyData {
  readonly ticks: SharedArrayBuffer
}

/** What the understudy needs to know of a member once. */
export interface SeatSettings {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxPollIntervalMs: number
}

export type ToUnderstudy =
  | {
      readonly type: 'seat'
      readonly id: number
      readonly clusterId: number
      readonly options: EffectiveKafkaOptions
      readonly settings: SeatSettings
      readonly board: SharedArrayBuffer
    }
  | { readonly type: 'life'; readonly id: number; readonly life: Life }
  | { readonly type: 'leave'; readonly id: number }

export type FromUnderstudy =
  /** It could not get a connection of its own, and goes on trying. */
  { readonly type: 'trouble'; readonly id: number; readonly reason: string }
