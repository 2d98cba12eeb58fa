/** What clients do in a run. A workload knows its timeouts, so it says how patient checkers are. */
import type { BrokerOptions } from '@odradek/broker'
import type { Bounds } from '../checkers/index.ts'
import type { Chance } from '../plans/chance.ts'
import type { Scene } from '../plans/scene.ts'
import type { Stage } from './stage.ts'

export interface Workload {
  readonly name: string
  readonly text: string
  /** What goes wrong, and where, unless the command says otherwise. */
  readonly plan: string
  readonly profile: string
  readonly bounds: Bounds
  /** What brokers decide in place of the clients: set up beside what the profile says. */
  readonly broker?: BrokerOptions
  /** The cast of one run: whom the plan may hit, and which topics there are. */
  cast(chance: Chance, nodeIds: readonly number[]): Scene
  /**
   * Plays it; faults begin when `stage.begin()` is called. Resolves when every client is closed.
   */
  play(stage: Stage, scene: Scene): Promise<void>
}
