/**
 * Plays one program against a broker whose responses are forged for a while, and says what became
 * of it: how many requests it sent meanwhile, what it failed with, whether it recovered.
 */
import { apis } from '@odradek/protocol'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'
import { type Kind, Program } from './clients.test-kit.ts'
import { forged, type Forgery } from './forge.test-kit.ts'

export interface ForgedPlay {
  /** How many responses were forged. */
  readonly hits: number
  /** Requests per simulated second while responses were forged. */
  readonly requestsPerSecond: number
  readonly stepsPerSecond: number
  readonly hasRecovered: boolean
  readonly errors: readonly unknown[]
  readonly unclearErrors: readonly unknown[]
  readonly wasHealthy: boolean
}

export interface PlayOptions {
  readonly kind: Kind
  readonly forgeries: readonly Forgery[]
  /** The client meets nothing but forged responses from its first request on. */
  readonly isForgedFromTheStart?: boolean | undefined
}

const HEALTHY_MS = 4000
const FORGED_MS = 15_000
const RECOVERY_MS = 120_000
const BROKER = {
  topics: { orders: 1, copies: 1 },
}

export async function playForged(options: PlayOptions): Promise<ForgedPlay> {
  const { kind, forgeries, isForgedFromTheStart = false } = options
  let result: ForgedPlay | undefined
  await SmallWorld.play(
    async (small) => {
      const { world, cluster } = small
      const stage = { hasEnded: false }
      const writer = small.producer('writer')
      const writing = (async () => {
        while (!stage.hasEnded) {
          await writer.send('orders', { value: 'honest', partition: 0 })
          await world.sleep(500)
        }
      })()
      const reader = small.consumer('other-reader', { groupId: 'other', startFrom: 'latest' })
      const reading = reader.run(() => undefined)
      let requests = 0
      let hits = 0
      cluster.on('request', ({ clientId }) => {
        if (clientId === kind) requests++
      })
      const program = new Program(small, kind)
      if (!isForgedFromTheStart) {
        program.start()
        await world.sleep(HEALTHY_MS)
      }
      const wasHealthy = isForgedFromTheStart || program.successes > 0
      const [requestsBefore, stepsBefore] = [requests, world.steps]
      const faults = forgeries.map((forgery) =>
        cluster.faults.add({
          api: forgery.api,
          clientId: kind,
          alterResponse: (response, _request, version) => {
            try {
              const altered = forged(response, forgery)
              apis[forgery.api].response.at(version).encode(altered as never)
              hits++
              return altered
            } catch {
              // Not in this version of the API.
              return response
            }
          },
        }),
      )
      if (isForgedFromTheStart) program.start()
      await world.sleep(FORGED_MS)
      const seconds = FORGED_MS / 1000
      const requestsPerSecond = Math.round((requests - requestsBefore) / seconds)
      const stepsPerSecond = Math.round((world.steps - stepsBefore) / seconds)
      for (const fault of faults) fault.remove()
      await world.sleep(1000)
      const successes = program.successes
      const until = world.now + RECOVERY_MS
      while (program.successes <= successes + 1 && world.now < until) await world.sleep(500)
      const hasRecovered = program.successes > successes + 1
      await program.stop()
      stage.hasEnded = true
      await reader.close()
      await reading
      await writing
      await writer.close()
      const { errors, unclearErrors } = program
      result = {
        ...{ hits, requestsPerSecond, stepsPerSecond, hasRecovered, wasHealthy },
        ...{ errors, unclearErrors },
      }
    },
    { broker: BROKER },
  )
  return result as ForgedPlay
}
