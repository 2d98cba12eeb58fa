/**
 * What the main thread and the heartbeat thread say to each other; what must be instant is on
 * boards.
 */
import type { EffectiveKafkaOptions } from '../../options/client-options.ts'
import type { AnySnapshot } from './send-heartbeat.ts'

export interface ThreadData {
  readonly ticks: SharedArrayBuffer
}

/** What the heartbeat thread needs to know of a member once. */
export interface SeatSettings {
  readonly groupId: string
  readonly maxPollIntervalMs: number
}

export type ToThread =
  | {
      readonly type: 'seat'
      readonly id: number
      readonly clusterId: number
      readonly options: EffectiveKafkaOptions
      readonly settings: SeatSettings
      readonly board: SharedArrayBuffer
    }
  | {
      readonly type: 'lines'
      readonly id: number
      /** On the board while these are the ones that hold. */
      readonly number: number
      readonly lines: AnySnapshot
    }
  | { readonly type: 'leave'; readonly id: number }

export type FromThread =
  /** It could not get a connection of its own, and goes on trying. */
  { readonly type: 'trouble'; readonly id: number; readonly reason: string }
