/** A thread for tests: it responds, counts in shared memory beside a blocked loop, and can fail. */
import type { ThreadContext } from '../environment.ts'

export { threadContext } from './thread-context.ts'

export function run(context: ThreadContext): void {
  const { timers, clock } = context.environment
  const { counter } = context.data as { counter: Int32Array }
  const count = (): void => {
    Atomics.add(counter, 0, 1)
    timers.set(1, count)
  }
  count()
  context.onMessage((message) => {
    if (message === 'fail') throw new Error('asked to fail')
    context.post({ echo: message, at: clock.now() > 0 })
  })
}
