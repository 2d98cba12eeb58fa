/** Waiting in the time of one process: it stops when the process does. */
import type { Client } from './stage.ts'

export function sleep(client: Client, ms: number): Promise<void> {
  client.sleepers++
  return new Promise((resolve) => {
    client.environment.timers.set(ms, () => {
      client.sleepers--
      resolve()
    })
  })
}
