/**
 * One run: a seed, a workload, a plan and a profile become a world, a history and a verdict. The
 * same four give the same history, event by event, on every machine and every Node.
 */
import { type EmbeddedCluster, startBroker } from '@odradek/broker'
import { VirtualWorld } from '@odradek/environment'
import { loadCodecs } from '@odradek/protocol'
import { judge, type Verdict } from './checkers/index.ts'
import type { HistoryEvent } from './history/event.ts'
import { History } from './history/history.ts'
import { describe, observeCluster } from './history/observe-cluster.ts'
import { Chance } from './plans/chance.ts'
import { brokerProcess } from './plans/inflict.ts'
import type { Plan } from './plans/plan.ts'
import type { Profile } from './profiles/profile.ts'
import { Stage } from './workloads/stage.ts'
import type { Workload } from './workloads/workload.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly workload: Workload
  readonly plan: Plan
  readonly profile: Profile
  /** Brokers, in place of the profile's number. */
  readonly nodes?: number | undefined
  readonly onEvent?: ((event: HistoryEvent) => void) | undefined
}

export interface Outcome {
  readonly verdicts: readonly Verdict[]
  readonly events: readonly HistoryEvent[]
  /** A fingerprint of everything that happened, down to single packets. */
  readonly hash: string
  readonly virtualMs: number
  readonly steps: number
}

const PORT = 9092
/** A run takes a minute or two; what takes so long hangs. */
const RUN_TIMEOUT_MS = 900_000
const MAX_STEPS = 3_000_000

export async function simulate(options: SimulationOptions): Promise<Outcome> {
  const { seed, workload, plan, profile, onEvent } = options
  await loadCodecs()
  const world = new VirtualWorld({ seed, link: profile.link })
  const history = new History(() => world.now, onEvent)
  const chance = new Chance(world.process('director').environment.random)
  const link = plan.link?.(chance)
  if (link !== undefined) world.network.link('*', '*', { ...profile.link, ...link })
  let cluster: EmbeddedCluster | undefined
  const main = async (): Promise<void> => {
    const nodes = options.nodes ?? profile.broker.brokers ?? 1
    const scene = workload.cast(
      chance,
      Array.from({ length: nodes }, (_, index) => index + 1),
    )
    cluster = await startBroker(
      {
        ...profile.broker,
        brokers: nodes,
        topics: scene.topics,
        host: brokerProcess,
        port: Array.from({ length: nodes }, () => PORT),
      },
      {
        environment: world.process('cluster').environment,
        environmentOf: (nodeId) => world.process(brokerProcess(nodeId)).environment,
      },
    )
    observeCluster(cluster, history)
    for (const [topic, partitions] of Object.entries(scene.topics)) {
      history.add({ type: 'topic', topic, partitions })
    }
    const faults = plan.faults(chance, scene)
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
    events,
    hash: `${history.hash}-${world.traceHash.toString(16).padStart(8, '0')}`,
    virtualMs: world.now,
    steps: world.steps,
  }
}
