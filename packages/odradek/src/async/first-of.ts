/**
 * Asks candidates until one gives a result: the next one at once when one fails, and beside it when
 * it has given nothing for a while. So a mute candidate costs that while, not a whole timeout.
 */
import type { Environment, Timer } from '@odradek/environment'

export interface Candidates<C, T> {
  /** The next one to ask; undefined when there is none (now). */
  readonly next: (isAfterSilence: boolean) => C | undefined
  readonly ask: (candidate: C) => Promise<T>
  /** Returns when the error is no more than this candidate's; throws what ends the whole. */
  readonly tolerate: (error: unknown, candidate: C) => void
  readonly silenceMs: number
  /** After this long it ends as if the candidates that are still silent had failed. */
  readonly limitMs: number
}

/** Resolves with the first result; undefined when all failed or time is up. */
export function firstOf<C, T>(
  { timers }: Environment,
  { next, ask, tolerate, silenceMs, limitMs }: Candidates<C, T>,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let pending = 0
    let isOver = false
    let silence: Timer | undefined
    const end = (settle: () => void): void => {
      if (isOver) return
      isOver = true
      timers.clear(silence)
      timers.clear(limit)
      settle()
    }
    const limit = timers.set(limitMs, () => timers.soon(() => end(() => resolve(undefined))))
    const start = (isAfterSilence: boolean): void => {
      timers.clear(silence)
      silence = undefined
      const candidate = next(isAfterSilence)
      if (candidate === undefined && pending === 0) {
        end(() => resolve(undefined))
        return
      }
      // After a failure the others may still turn out to be silent.
      if (candidate !== undefined || !isAfterSilence) {
        silence = timers.set(silenceMs, () => timers.soon(() => (isOver ? undefined : start(true))))
      }
      if (candidate === undefined) return
      pending++
      ask(candidate).then(
        (result) => end(() => resolve(result)),
        (error: unknown) => {
          if (isOver) return
          pending--
          try {
            tolerate(error, candidate)
          } catch (fatal) {
            end(() => reject(fatal))
            return
          }
          start(false)
        },
      )
    }
    start(false)
  })
}
