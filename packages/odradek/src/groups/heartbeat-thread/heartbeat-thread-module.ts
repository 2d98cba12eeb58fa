/**
 * Where the heartbeat thread's code is. In the published packages this is the thread's whole source
 * (scripts/bundle.js replaces this file): a bundler of a user's would not take a file along.
 */
import type { ThreadModule } from '@odradek/environment'
import { here } from '../../here.ts'

export const heartbeatThreadModule: ThreadModule = new URL(
  './groups/heartbeat-thread/heartbeat-thread.js',
  here,
)
