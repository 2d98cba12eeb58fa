/**
 * The five field reports of docs/never-stuck.md, played on real Kafka. The fifth, a blocked event
 * loop, is among what members go through.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEvent } from '@odradek/simulation'
import { apis } from 'odradek'
import { type ChaosScenario, type Expectation, expectation, MEMBERS } from '../chaos-scenario.ts'
import type { ChaosStage, Protocol } from '../chaos-stage.ts'
import { STAMP_MS } from '../figures.ts'

const AFTERMATH_MS = 12_000
const DELETE_TIMEOUT_MS = 10_000

/** Everything that is in the topic now is gone, as if retention had come by. */
async function deleteEverything(stage: ChaosStage): Promise<void> {
  await stage.rememberLog()
  const ends = new Map<number, number>()
  for (const place of stage.inLog.keys()) {
    const [partition = 0, offset = 0] = place.split(' ').map(Number)
    ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1))
  }
  await using admin = stage.client.admin()
  const { partitions } = (await admin.describeTopics([stage.topic])).get(stage.topic) ?? {}
  const byLeader = new Map<number, number[]>()
  for (const { partition, leader } of partitions ?? []) {
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition])
  }
  for (const [nodeId, indexes] of byLeader) {
    const wanted = indexes.map((partitionIndex) => ({
      partitionIndex,
      offset: ends.get(partitionIndex) ?? 0,
    }))
    const topics = [{ name: stage.topic, partitions: wanted }]
    const request = { topics, timeoutMs: DELETE_TIMEOUT_MS }
    await stage.client.request(apis.DeleteRecords, request, { nodeId })
  }
}

/** Acknowledged records that were neither processed nor told as lost. */
function silentlyLost(events: readonly HistoryEvent[]): readonly string[] {
  const accounted = new Set<string>()
  for (const event of events) {
    if (event.type === 'processed') accounted.add(`${event.partition} ${event.offset}`)
    else if (event.type === 'dataLoss') {
      for (let offset = event.from; offset < event.to; offset++) {
        accounted.add(`${event.partition} ${offset}`)
      }
    }
  }
  return events.flatMap((event) =>
    event.type === 'acknowledged' && !accounted.has(`${event.partition} ${event.offset}`)
      ? [event.id]
      : [],
  )
}

/** How much was skipped of what is still in the log. */
function skippedThoughThere({ events, inLog }: ChaosStage): number {
  const processed = new Set<string>()
  for (const event of events) {
    if (event.type === 'processed') processed.add(`${event.partition} ${event.offset}`)
  }
  return [...inLog.keys()].filter((place) => !processed.has(place)).length
}

const outOfRange: ChaosScenario = {
  name: 'f1-out-of-range',
  text: 'Retention takes records that nobody has read (members stand still for 4 s), and the broker then answers nothing for 15 s: every request under way times out.',
  stage: { brokers: 1, protocol: 'classic' },
  without: {
    'acknowledged-is-delivered': 'what retention took cannot be; whether it was told is expected',
  },
  async play(stage) {
    stage.fault('SIGSTOP of all members', 4000)
    for (const name of MEMBERS) stage.member(name).stop()
    await sleep(4000)
    await deleteEverything(stage)
    stage.fault('everything written so far is deleted; SIGCONT of all members')
    for (const name of MEMBERS) stage.member(name).resume()
    await sleep(500)
    const [nodeId = 1] = stage.kafka.nodeIds
    stage.fault('SIGSTOP of the broker', 15_000)
    stage.kafka.pause(nodeId)
    await sleep(15_000)
    stage.fault('SIGCONT of the broker')
    stage.kafka.resume(nodeId)
    await sleep(AFTERMATH_MS)
    await stage.settle()
  },
  expect(stage): readonly Expectation[] {
    const { events } = stage
    const losses = events.filter((event) => event.type === 'dataLoss')
    const count = losses.reduce((sum, event) => sum + event.to - event.from, 0)
    const silent = silentlyLost(events).length
    const skipped = skippedThoughThere(stage)
    return [
      expectation(
        'the loss is told',
        losses.length > 0,
        `${count} records in ${losses.length} events`,
      ),
      expectation('nothing is missing that was not told', silent === 0, `${silent} records`),
      expectation('nothing is skipped that is there', skipped === 0, `${skipped} records`),
    ]
  },
}

const overlappingCommits: ChaosScenario = {
  name: 'f2-overlapping-commits',
  text: 'Every member asks for a commit every 5 ms and awaits none, while the coordinator answers nothing for 25 s; requests time out after 10 s and lie in its sockets.',
  stage: { brokers: 1, protocol: 'classic', consumer: { sessionTimeoutMs: 45_000 } },
  async play(stage) {
    for (const name of MEMBERS) stage.member(name).order('commits 45000')
    await sleep(3000)
    const [nodeId = 1] = stage.kafka.nodeIds
    stage.fault('SIGSTOP of the coordinator', 25_000)
    stage.kafka.pause(nodeId)
    await sleep(25_000)
    stage.fault('SIGCONT of the coordinator')
    stage.kafka.resume(nodeId)
    await sleep(2 * AFTERMATH_MS)
  },
  expect: (_, { stepsBack, commits }) => {
    const open = stepsBack.filter(({ repairedAfterMs }) => repairedAfterMs === null)
    const seen = `${commits} commits, ${stepsBack.length} steps back, ${open.length} for good`
    return [expectation('no commit goes back for good', open.length === 0, seen)]
  },
}

const ROUNDS = 8

const storm: ChaosScenario = {
  name: 'f3-storm',
  text: `Beside three members a fourth comes and goes ${ROUNDS} times: it works for 4 s, closes, and is back 1 s later.`,
  stage: { brokers: 1, protocol: 'classic', hasNamesOfLives: false },
  bounds: { rebalancesPerChange: 3 },
  without: { 'group-settles': 'a life cannot be told from the one before it by its client id' },
  async play(stage) {
    for (let round = 0; round < ROUNDS; round++) {
      stage.fault('member-4 comes')
      stage.start('member-4')
      await sleep(4000)
      stage.fault('member-4 closes')
      await stage.closeMember('member-4')
      await sleep(1000)
    }
    await sleep(AFTERMATH_MS)
    await stage.settle()
  },
  expect(stage, { rebalances, longestGapMs }) {
    const reported = stage.storms.map(({ actor, storm: report }) => {
      const { generations, withinMs, membersJoined } = report
      const seconds = Math.round(withinMs / 1000)
      return `${actor}: ${generations} generations in ${seconds} s, ${membersJoined.length} joined`
    })
    return [
      expectation(
        'at most three generations per change',
        rebalances <= 3 * 2 * ROUNDS,
        `${rebalances} for ${2 * ROUNDS} changes`,
      ),
      expectation('who stays reads on', longestGapMs < 3000, `${Math.round(longestGapMs)} ms`),
      expectation(
        'a report names the member that comes and goes, and no other',
        stage.storms.some(
          ({ storm: { membersJoined } }) =>
            membersJoined.length > 0 && membersJoined.every((id) => id.startsWith('member-4')),
        ),
        reported.length === 0 ? 'no report' : reported.join('; '),
      ),
    ]
  },
}

const latest = (protocol: Protocol): ChaosScenario => ({
  name: `f4-latest-${protocol}`,
  text: `Three members start at "latest" behind old records, and are all killed again and again, once before they have committed anything that they read; records are written all the time (${protocol}).`,
  stage: {
    ...{ brokers: 1, protocol },
    consumer: { startFrom: 'latest', autoCommitIntervalMs: 60_000 },
  },
  without: {
    'acknowledged-is-delivered': 'what is older than the first start is not for this group',
    'committed-was-processed': 'where the group starts is committed before anything is read',
  },
  async begin(stage) {
    stage.write()
    await sleep(3000)
    for (const name of MEMBERS) stage.start(name)
    await stage.settle()
  },
  async play(stage) {
    for (const aliveMs of [0, 1500, 3000, 8000]) {
      if (aliveMs > 0) await sleep(aliveMs)
      stage.fault('kill -9 of all members')
      await Promise.all(MEMBERS.map((name) => stage.killMember(name)))
      await sleep(3000)
      stage.fault('all members start again')
      for (const name of MEMBERS) stage.start(name)
    }
    await sleep(AFTERMATH_MS)
    await stage.settle()
  },
  expect({ events }) {
    const startedAt = events.find(({ type }) => type === 'memberStarted')?.at ?? 0
    const firstDelivery = events.find(({ type }) => type === 'delivered')?.at ?? 0
    const processed = new Set<string>()
    const delivered = new Set<string>()
    for (const event of events) {
      if (event.type === 'processed') processed.add(`${event.partition} ${event.offset}`)
      else if (event.type === 'delivered') delivered.add(`${event.partition} ${event.offset}`)
    }
    const appended = events.filter((event) => event.type === 'appended')
    const place = (event: (typeof appended)[number]): string =>
      `${event.partition} ${event.baseOffset}`
    const skipped = appended.filter(
      (event) => event.at > firstDelivery && !processed.has(place(event)),
    )
    const older = appended.filter(
      (event) => event.at < startedAt - STAMP_MS && delivered.has(place(event)),
    )
    const old = appended.filter((event) => event.at < startedAt - STAMP_MS).length
    return [
      expectation(
        'nothing since the first start is skipped',
        skipped.length === 0,
        `${skipped.length} of ${appended.length - old} skipped`,
      ),
      expectation('nothing older is read', older.length === 0, `${older.length} of ${old} read`),
    ]
  },
})

export const FIELD_REPORTS: readonly ChaosScenario[] = [
  outOfRange,
  overlappingCommits,
  storm,
  latest('classic'),
  latest('consumer'),
]
