/**
 * A graceful end when the process is told to end (a deployment, Ctrl-C): everything closes as
 * `close` does. The process then ends by itself, once nothing else keeps it alive, with the exit
 * code that the program gives it; a second signal ends it at once, as without us.
 */
import type { Environment } from '@odradek/environment'
import { asError } from './errors/as-error.ts'
import type { ClientEvents } from './events/client-events.ts'
import type { TypedEmitter } from './events/emitter.ts'
import type { CloseOnSignalOptions } from './options/call-options.ts'

export interface SignalTools {
  readonly environment: Environment
  readonly emitter: TypedEmitter<ClientEvents>
  readonly close: (limits: { readonly timeoutMs?: number }) => Promise<void>
}

const SIGNALS: readonly string[] = ['SIGTERM', 'SIGINT']

/** Begins to listen; the answer stops it. */
export function closeOnSignal(
  { environment, emitter, close }: SignalTools,
  { signals = SIGNALS, timeoutMs }: CloseOnSignalOptions,
): () => void {
  const { clock } = environment
  const releases: (() => void)[] = []
  const stop = (): void => {
    for (const release of releases.splice(0)) release()
  }
  const handle = async (signal: string): Promise<void> => {
    stop()
    const startedAt = clock.monotonic()
    let error: Error | undefined
    try {
      await close(timeoutMs === undefined ? {} : { timeoutMs })
    } catch (reason) {
      error = asError(reason)
    }
    const elapsedMs = Math.round(clock.monotonic() - startedAt)
    emitter.emit('closedOnSignal', { signal, elapsedMs, error })
  }
  for (const signal of signals) {
    releases.push(environment.signals.on(signal, () => void handle(signal)))
  }
  return stop
}
