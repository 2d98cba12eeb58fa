/** A scenario: what is done to whom, and what must be so afterwards, beside all promises. */
import type { Bounds } from '@odradek/simulation'
import type { ChaosStage, StageOptions } from './chaos-stage.ts'
import type { Figures } from './figures.ts'

export interface Expectation {
  readonly what: string
  readonly isMet: boolean
  readonly seen: string
}

export interface ChaosScenario {
  readonly name: string
  /** What is done, as a sentence. */
  readonly text: string
  readonly stage: StageOptions
  /** How patient the checkers are, where it is not as ever. */
  readonly bounds?: Partial<Bounds>
  /** Checkers that do not fit, and why. */
  readonly without?: Readonly<Record<string, string>>
  /** In place of: three members start, records are written, and both have settled. */
  begin?(stage: ChaosStage): Promise<void>
  /** Members run and records flow when it begins; it drains by itself afterwards. */
  play(stage: ChaosStage): Promise<void>
  expect?(stage: ChaosStage, figures: Figures): readonly Expectation[]
}

export const MEMBERS = ['member-1', 'member-2', 'member-3'] as const

export function expectation(what: string, isMet: boolean, seen: unknown): Expectation {
  return { what, isMet, seen: String(seen) }
}

export const noRebalance = (figures: Figures): Expectation =>
  expectation('no rebalance', figures.rebalances === 0, `${figures.rebalances} rebalances`)
