/**
 * An unclean election: the leader alone has the end of a log when it dies, and a follower that
 * stood still meanwhile leads next. Everything that only the old leader had is gone, though
 * acknowledged (with acks=1 as with acks=all, for nobody else was in sync) and read.
 *
 * Two brokers have the partitions that are cut; the third, which coordinates the group, leads the
 * others, and keeps the quorum of controllers alive with whichever of the two is there.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChaosScenario, type Expectation, expectation, MEMBERS } from '../chaos-scenario.ts'
import type { ChaosStage, Protocol } from '../chaos-stage.ts'

const CUT = 4
const OTHERS = 8
const ALONE_MS = 6000
/** Commits are written every second. */
const COMMITTED_MS = 2500
const WRITTEN_ON_MS = 10_000
const AFTERMATH_MS = 12_000

interface Roles {
  readonly leader: number
  readonly follower: number
}

async function partitionsOf({ client, topic }: ChaosStage) {
  await using admin = client.admin()
  const { partitions } = (await admin.describeTopics([topic])).get(topic) ?? { partitions: [] }
  return partitions.filter(({ partition }) => partition < CUT)
}

async function rolesOf(stage: ChaosStage): Promise<Roles> {
  const [first] = await partitionsOf(stage)
  const [leader = -1, follower = -1] = first?.replicas ?? []
  return { leader, follower }
}

/** Only the leader goes on, and then only the follower, which has not heard of what was written. */
async function cut(
  stage: ChaosStage,
  { leader, follower }: Roles,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const { kafka, writer } = stage
  stage.fault(`SIGSTOP of broker ${follower}, the only follower of ${CUT} partitions`, ALONE_MS)
  kafka.pause(follower)
  const isAlone = async () => (await partitionsOf(stage)).every(({ isr }) => isr.length === 1)
  await stage.until('the leader alone is in sync', isAlone, 30_000)
  await sleep(ALONE_MS)
  await writer.pause()
  await stage.drain()
  await sleep(COMMITTED_MS)
  await meanwhile()
  await stage.expectCut()
  stage.fault(`kill -9 of broker ${leader}, their leader; SIGCONT of broker ${follower}`, 20_000)
  await kafka.kill(leader)
  kafka.resume(follower)
  const startedAt = stage.at
  const isElected = async () =>
    (await partitionsOf(stage)).every(({ leader: nodeId }) => nodeId === follower)
  await stage.until('the follower leads', isElected, 60_000)
  const tookMs = Math.round(stage.at - startedAt)
  stage.fault(`broker ${follower} leads after ${tookMs} ms; records are written again`)
  writer.resume()
}

/** Ids of what is in the log and nobody has processed. */
function skippedThoughThere({ events, inLog }: ChaosStage): number {
  const inHand = new Map<string, string>()
  const processed = new Set<string>()
  for (const event of events) {
    if (event.type !== 'delivered' && event.type !== 'processed') continue
    const place = `${event.actor} ${event.partition} ${event.offset}`
    if (event.type === 'delivered') inHand.set(place, event.id)
    else processed.add(inHand.get(place) ?? '')
  }
  return [...inLog.values()].filter((id) => !processed.has(id)).length
}

function expectTold(stage: ChaosStage): readonly Expectation[] {
  const { cuts, events } = stage
  const losses = events.filter((event) => event.type === 'dataLoss')
  const resets = events.filter((event) => event.type === 'positionReset')
  const seen = (partition: number) => losses.filter((loss) => loss.partition === partition)
  const exact = cuts.filter(({ partition, from, to }) => {
    const [loss, ...more] = seen(partition)
    return more.length === 0 && loss?.from === from && loss.to === to
  })
  const elsewhere = losses.filter(
    ({ partition }) => !cuts.some((one) => one.partition === partition),
  )
  const resumed = cuts.filter(({ partition, from }) =>
    resets.some((reset) => reset.partition === partition && reset.offset === from),
  )
  const skipped = skippedThoughThere(stage)
  const count = cuts.reduce((sum, { from, to }) => sum + to - from, 0)
  const told = losses.map(({ partition, from, to, reason }) => {
    return `${partition}: ${from} to ${to}, ${reason}`
  })
  return [
    expectation(
      'logs lost their end',
      cuts.length === CUT,
      `${count} records of ${cuts.length} partitions, all of them acknowledged and read`,
    ),
    expectation(
      'each is told, once and to the record',
      exact.length === cuts.length && elsewhere.length === 0,
      told.join('; '),
    ),
    expectation(
      'each is read on from where the logs part',
      resumed.length === cuts.length,
      `${resumed.length} of ${cuts.length}`,
    ),
    expectation('nothing is skipped that is there', skipped === 0, `${skipped} records`),
  ]
}

const stageOf = (protocol: Protocol): ChaosScenario['stage'] => ({
  ...{ brokers: 3, protocol },
  layout: (coordinator, [leader = -1, follower = -1]) => [
    ...Array.from({ length: CUT }, () => [leader, follower]),
    ...Array.from({ length: OTHERS }, (_, index) => [coordinator, index % 2 ? leader : follower]),
  ],
  configs: { 'unclean.leader.election.enable': true, 'min.insync.replicas': 1 },
  producer: { acks: 1 },
})

async function bringBack(stage: ChaosStage, leader: number): Promise<void> {
  await sleep(WRITTEN_ON_MS)
  stage.fault(`broker ${leader} starts again`, 5000)
  await stage.kafka.restart(leader)
  await sleep(AFTERMATH_MS)
  await stage.settle()
}

const underway = (protocol: Protocol): ChaosScenario => ({
  name: `truncation-${protocol}`,
  text: `${CUT} partitions lose their end by an unclean election, behind members that have read and committed it (${protocol}).`,
  stage: stageOf(protocol),
  async play(stage) {
    const roles = await rolesOf(stage)
    await cut(stage, roles, async () => undefined)
    await bringBack(stage, roles.leader)
  },
  expect: expectTold,
})

const restarted = (protocol: Protocol): ChaosScenario => ({
  name: `truncation-restart-${protocol}`,
  text: `The same while no member runs: all are killed with the end committed, and start again when the cut logs have been written on beyond that (${protocol}).`,
  stage: stageOf(protocol),
  async play(stage) {
    const roles = await rolesOf(stage)
    await cut(stage, roles, async () => {
      stage.fault('kill -9 of all members')
      await Promise.all(MEMBERS.map((name) => stage.killMember(name)))
    })
    await sleep(WRITTEN_ON_MS)
    stage.fault('all members start again')
    for (const name of MEMBERS) stage.start(name)
    await bringBack(stage, roles.leader)
  },
  expect: expectTold,
})

export const TRUNCATION_SCENARIOS: readonly ChaosScenario[] = [
  underway('classic'),
  underway('consumer'),
  restarted('classic'),
  restarted('consumer'),
]
