/**
 * Until when a heartbeat is to be answered. It counts from when somebody wants to heartbeat, so it
 * covers finding the coordinator and connecting to it, too; the request itself may be answered
 * later, and that is news of the session all the same.
 */
import type { Environment, Timer } from '@odradek/environment'
import { TimeoutError } from '../../errors/errors.ts'

export class AnswerDeadline {
  readonly #environment: Environment
  readonly #groupId: string
  #timer: Timer | undefined

  constructor(environment: Environment, groupId: string) {
    this.#environment = environment
    this.#groupId = groupId
  }

  start(timeoutMs: number, onLate: (error: TimeoutError) => void): void {
    const { timers } = this.#environment
    this.stop()
    this.#timer = timers.set(timeoutMs, () =>
      timers.soon(() => {
        const coordinator = `The coordinator of group "${this.#groupId}"`
        onLate(new TimeoutError(`${coordinator} did not answer within ${timeoutMs} ms.`))
      }),
    )
  }

  stop(): void {
    this.#environment.timers.clear(this.#timer)
  }
}
