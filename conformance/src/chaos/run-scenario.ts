/**
 * Plays one scenario and judges it: by the simulation's checkers, and by what it expects itself.
 */
import { type Bounds, describe, judge } from '@odradek/simulation'
import { type ChaosScenario, type Expectation, MEMBERS } from './chaos-scenario.ts'
import { ChaosStage } from './chaos-stage.ts'
import { type Figures, figuresOf } from './figures.ts'

const BOUNDS: Bounds = {
  settleMs: 30_000,
  stallMs: 15_000,
  rebalancesPerChange: 2,
  repairMs: 30_000,
}

export interface ChaosResult {
  readonly scenario: ChaosScenario
  readonly tookMs: number
  readonly figures: Figures
  /** `12.3 s  what`, in order. */
  readonly done: readonly string[]
  readonly expectations: readonly Expectation[]
  /** `checker: what it saw`. */
  readonly violations: readonly string[]
  readonly stage: ChaosStage
}

export async function runScenario(scenario: ChaosScenario): Promise<ChaosResult> {
  const stage = await ChaosStage.open(scenario.stage)
  try {
    try {
      if (scenario.begin === undefined) await begin(stage)
      else await scenario.begin(stage)
      await scenario.play(stage)
    } catch (error) {
      stage.note({ type: 'escaped', actor: 'the scenario', error: describe(error) })
    }
    await stage.finish().catch((error: unknown) => {
      stage.note({ type: 'escaped', actor: 'the end of the scenario', error: describe(error) })
    })
  } finally {
    await stage.close()
  }
  const { events } = stage
  const { bounds, without = {} } = scenario
  const figures = figuresOf(events, {
    startsAtEnd: scenario.stage.consumer?.startFrom === 'latest',
  })
  return {
    scenario,
    tookMs: stage.at,
    figures,
    done: events.flatMap((event) =>
      event.type === 'fault' ? [`${(event.at / 1000).toFixed(1)} s  ${event.what}`] : [],
    ),
    expectations: scenario.expect?.(stage, figures) ?? [],
    violations: judge(events, { ...BOUNDS, ...bounds }).flatMap(
      ({ at, text, checker: { name } }) =>
        name in without ? [] : [`${name}: ${text} (at ${(at / 1000).toFixed(1)} s)`],
    ),
    stage,
  }
}

async function begin(stage: ChaosStage): Promise<void> {
  for (const name of MEMBERS) stage.start(name)
  stage.write()
  await stage.settle()
}

export function isGood({ expectations, violations }: ChaosResult): boolean {
  return violations.length === 0 && expectations.every(({ isMet }) => isMet)
}
