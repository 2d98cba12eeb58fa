/**
 * Twenty members restart within about two seconds, and the coordinator goes while they do: what a
 * mass restart costs until all of them read, and that the group comes to rest then.
 *
 * With a session of 45 s (and heartbeats as in the field report, every 15 s, where they are the
 * client's) killed members that were not static are waited for that long: nobody can tell the
 * coordinator that they will not come back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { EventOf } from '@odradek/simulation'
import {
  type ChaosScenario,
  type Expectation,
  expectation,
  noRebalance,
} from '../chaos-scenario.ts'
import type { ChaosStage, Protocol } from '../chaos-stage.ts'
import type { Figures } from '../figures.ts'

const NAMES = Array.from({ length: 20 }, (_, index) => `member-${index + 1}`)
const PARTITIONS = 40
const PAUSE_MS = 100
const SLOW = { sessionTimeoutMs: 45_000, heartbeatIntervalMs: 15_000, rebalanceTimeoutMs: 60_000 }
/**
 * Kafka's own timings: twenty processes that start at once keep a small machine busy for seconds.
 */
const PATIENT = {
  'broker.session.timeout.ms': 9000,
  'group.consumer.session.timeout.ms': 45_000,
  'group.consumer.heartbeat.interval.ms': 5000,
}
const SETTLE_MS = 180_000
const AFTERMATH_MS = 20_000

type End = 'killed' | 'closed'

async function begin(stage: ChaosStage): Promise<void> {
  for (const name of NAMES) stage.start(name)
  stage.write()
  await stage.settle(SETTLE_MS)
  // The coordinator's successor has to be there.
  await stage.heal()
}

async function restartAll(stage: ChaosStage, end: End): Promise<void> {
  const coordinator = await stage.coordinator()
  const startedAt = stage.at
  stage.fault(`all members are ${end}, one after the other, each back at once`)
  const restart = async (name: string): Promise<void> => {
    await (end === 'killed' ? stage.killMember(name) : stage.closeMember(name))
    stage.start(name)
  }
  const restarts: Promise<void>[] = []
  let stopped: Promise<void> | undefined
  for (const [index, name] of NAMES.entries()) {
    if (index === NAMES.length / 2) {
      stage.fault(`broker ${coordinator}, the coordinator, is stopped in order`)
      stopped = stage.kafka.stop(coordinator)
    }
    restarts.push(restart(name))
    await sleep(PAUSE_MS)
  }
  await Promise.all(restarts)
  const tookMs = stage.at - startedAt
  stage.fault(`the last of ${NAMES.length} starts again, ${(tookMs / 1000).toFixed(1)} s later`)
  await stopped
  await stage.settle(SETTLE_MS)
  stage.fault(`everybody has an even share; broker ${coordinator} starts again`, 5000)
  await stage.kafka.restart(coordinator)
  await sleep(AFTERMATH_MS)
  await stage.settle()
}

const isBack = (actor: string): boolean => actor.includes('.')

/** Generations after the first one that all of the new members have, and none of the old ones. */
function laterGenerations(stage: ChaosStage): readonly number[] | undefined {
  const groups = stage.events.filter((event): event is EventOf<'group'> => event.type === 'group')
  const isComplete = ({ members }: EventOf<'group'>): boolean =>
    members.length === NAMES.length && members.every(({ clientId }) => isBack(clientId))
  const index = groups.findIndex(isComplete)
  if (index < 0) return undefined
  const complete = groups[index]?.generationId
  const later = groups.slice(index).filter(isComplete)
  return [...new Set(later.map(({ generationId }) => generationId))].filter(
    (generationId) => generationId !== complete,
  )
}

function expectFew(stage: ChaosStage, figures: Figures): readonly Expectation[] {
  const { protocol, isStatic } = stage.options
  const restartedAt = stage.events.find(({ type }) => type === 'fault')?.at ?? 0
  const firstBack = stage.events.find(({ at, type, ...event }) => {
    return type === 'delivered' && at > restartedAt && 'actor' in event && isBack(event.actor)
  })
  const storms = stage.storms.filter(({ actor }) => isBack(actor))
  const gap = expectation(
    'records are read again',
    firstBack !== undefined,
    `a new member ${Math.round((firstBack?.at ?? 0) - restartedAt)} ms after the first restart`,
  )
  if (isStatic === true) return [noRebalance(figures), gap]
  const later = laterGenerations(stage)
  return [
    gap,
    protocol === 'classic'
      ? expectation(
          'at rest within two generations of the last join',
          later !== undefined && later.length <= 2,
          `${later?.length ?? 'never complete'} more`,
        )
      : expectation(
          'an epoch for each that came or went at most',
          figures.rebalances <= 2 * NAMES.length,
          figures.rebalances,
        ),
    expectation('nobody takes it for a storm', storms.length === 0, `${storms.length} reports`),
  ]
}

const twenty = (isStatic: boolean, end: End, protocol: Protocol): ChaosScenario => ({
  name: `twenty-members-${isStatic ? 'static' : 'dynamic'}-${protocol}`,
  text: `Twenty ${isStatic ? 'static' : 'dynamic'} members are ${end} and start again within about 2 s, and the coordinator is stopped meanwhile (${protocol}).`,
  stage: {
    ...{ brokers: 3, protocol, isStatic, partitions: PARTITIONS },
    properties: PATIENT,
    ...(protocol === 'classic' ? { consumer: SLOW } : {}),
  },
  bounds: { settleMs: 90_000 },
  begin,
  play: (stage) => restartAll(stage, end),
  expect: expectFew,
})

export const TWENTY_MEMBERS: readonly ChaosScenario[] = [
  twenty(false, 'killed', 'classic'),
  twenty(true, 'killed', 'classic'),
  twenty(false, 'killed', 'consumer'),
  twenty(true, 'closed', 'consumer'),
]
