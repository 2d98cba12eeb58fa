/** The environment of a real process: its clocks, its event loop, its sockets and its threads. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Clock, Environment, Random, Signals, Timer, Timers } from '../environment.ts'
import { realNetwork } from './real-network.ts'
import { realThreads } from './real-threads.ts'

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** Node fires longer timers immediately, so longer delays are cut to this one (24.8 days). */
const MAX_DELAY_MS = 2_147_483_647

const timers: Timers = {
  set: (delayMs, callback) => setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS)) as Timer,
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  soon: (callback) => void setImmediate(callback),
}

const TWO_TO_THE_32 = 0x1_0000_0000

const random: Random = {
  bytes: (count) => randomBytes(count),
  integer: (bound) => randomInt(bound),
  fraction: () => randomInt(TWO_TO_THE_32) / TWO_TO_THE_32,
}

const signals: Signals = {
  on: (signal, listener) => {
    process.on(signal, listener)
    return () => void process.off(signal, listener)
  },
}

export const realEnvironment: Environment = {
  clock,
  timers,
  random,
  network: realNetwork,
  threads: realThreads,
  signals,
}
