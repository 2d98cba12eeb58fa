/** What running a seed gives, and where it is printed. */
import type { Outcome } from '../simulate.ts'

export type Print = (line: string) => void

/** A run with everything that went wrong in it. */
export interface Played extends Outcome {
  readonly astray: readonly string[]
}
