/**
 * One run: a seed, a workload, a plan and a profile become a world, a history and a verdict. The
 * same four give the same history, event by event, on every machine and every Node.
 */
import { startBroker } from '@odradek/broker'
import { VirtualWorld } from '@odradek/environment'
import { loadCodecs } from '@odradek/protocol'
import { judge, type Verdict } from './checkers/index.ts'
import type { HistoryEvent } from './history/event.ts'
import { History } from './history/history.ts'
import { describe, observeCluster } from './history/observe-cluster.ts'
import { Chance } from './plans/chance.ts'
import type { Fault } from './plans/fault.ts'
import { brokerProcess } from './plans/inflict.ts'
import type { Plan } from './plans/plan.ts'
import type { Profile } from './profiles/profile.ts'
import { type Cast, castOf, concerns, trim } from './shrinking/recipe.ts'
import { Stage } from './workloads/stage.ts'
import type { Workload } from './workloads/workload.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly workload: Workload
  readonly plan: Plan
  readonly profile: Profile
  /** Brokers, in place of the profile's number. */
  readonly nodes?: number | undefined
  /** A smaller cast than the seed's, and other faults than the plan's. */
  readonly cast?: Cast | undefined
  readonly faults?: readonly Fault[] | undefined
  readonly onEvent?: ((event: HistoryEvent) => void) | undefined
}

export interface Outcome {
  readonly verdicts: readonly Verdict[]
  /** Who played, and what went wrong. */
  readonly cast: Cast
  readonly faults: readonly Fault[]
  readonly events: readonly HistoryEvent[]
  /**
   * A fingerprint of everything that happened, down to single packets; made when it is asked for.
   */
  readonly hash: () => string
  readonly virtualMs: number
  readonly steps: number
}

const PORT = 9092
/** A run takes a minute or two, and a quarter of an hour with its encore; a longer one hangs. */
const RUN_TIMEOUT_MS = 1_800_000
const MAX_STEPS = 3_000_000

export async function simulate(options: SimulationOptions): Promise<Outcome> {
  const { seed, workload, plan, profile, onEvent } = options
  await loadCodecs()
  const world = new VirtualWorld({ seed, link: profile.link })
  const history = new History(() => world.now, onEvent)
  const chance = new Chance(world.process('director').environment.random)
  const link = plan.link?.(chance)
  if (link !== undefined) world.network.link('*', '*', { ...profile.link, ...link })
  const nodes = options.nodes ?? profile.broker.brokers ?? 1
  const nodeIds = Array.from({ length: nodes }, (_, index) => index + 1)
  const whole = workload.cast(chance, nodeIds)
  // Decided in any case, so that what comes after takes its chances as ever.
  const planned = plan.faults(chance, whole)
  const scene = options.cast === undefined ? whole : trim(whole, options.cast)
  const faults = (options.faults ?? planned).filter((fault) => concerns(fault, scene))
  const main = async (): Promise<void> => {
    const cluster = await startBroker(
      {
        ...profile.broker,
        ...workload.broker,
        brokers: nodes,
        topics: scene.topics,
        host: brokerProcess,
        port: nodeIds.map(() => PORT),
      },
      {
        environment: world.process('cluster').environment,
        environmentOf: (nodeId) => world.process(brokerProcess(nodeId)).environment,
      },
    )
    observeCluster(cluster, history, { areTimestampsWanted: scene.beginsAtInstants === true })
    for (const [topic, partitions] of Object.entries(scene.topics)) {
      history.add({ type: 'topic', topic, partitions })
    }
    await workload.play(new Stage({ world, cluster, history, chance, faults }), scene)
  }
  try {
    await world.run(main, { timeoutMs: RUN_TIMEOUT_MS, maxSteps: MAX_STEPS })
  } catch (error) {
    history.add({ type: 'escaped', actor: 'the run', error: describe(error) })
  }
  const { events } = history
  return {
    verdicts: judge(events, workload.bounds),
    cast: castOf(scene),
    faults,
    events,
    hash: () => `${history.hash}-${world.traceHash.toString(16).padStart(8, '0')}`,
    virtualMs: world.now,
    steps: world.steps,
  }
}
