/** What members go through: killed, stopped, blocked, deployed anew. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChaosScenario, expectation, MEMBERS, noRebalance } from '../chaos-scenario.ts'
import { type ChaosStage, type Protocol, SESSION_MS } from '../chaos-stage.ts'

const AFTERMATH_MS = 12_000
const STOP_MS = 20_000
const BLOCK_MS = 60_000

const kill = (isStatic: boolean, downMs: number, protocol: Protocol): ChaosScenario => {
  const when = downMs < SESSION_MS ? 'within' : 'beyond'
  const kind = isStatic ? 'static' : 'dynamic'
  return {
    name: `kill-member-${when}-session-${kind}-${protocol}`,
    text: `A ${kind} member is killed, and starts again after ${downMs / 1000} s, ${when} its session of ${SESSION_MS / 1000} s (${protocol}).`,
    stage: { brokers: 1, protocol, isStatic },
    async play(stage) {
      stage.fault('kill -9 of member-1')
      await stage.killMember('member-1')
      await sleep(downMs)
      stage.fault('member-1 starts again')
      stage.start('member-1')
      await sleep(AFTERMATH_MS)
      await stage.settle()
    },
    expect: (_, figures) =>
      isStatic && downMs < SESSION_MS && protocol === 'classic' ? [noRebalance(figures)] : [],
  }
}

/** Deliveries of an actor between two times. */
function deliveriesOf(stage: ChaosStage, actor: string, from: number, to: number): number {
  return stage.events.filter(
    (event) =>
      event.type === 'delivered' && event.actor === actor && event.at >= from && event.at <= to,
  ).length
}

const stop = (protocol: Protocol): ChaosScenario => {
  let stoppedAt = 0
  let resumedAt = 0
  return {
    name: `stop-member-${protocol}`,
    text: `SIGSTOP of a member for ${STOP_MS / 1000} s with a session of ${SESSION_MS / 1000} s, then SIGCONT: its partitions are others' by then (${protocol}).`,
    stage: { brokers: 1, protocol },
    async play(stage) {
      stoppedAt = stage.at
      stage.fault('SIGSTOP of member-1', STOP_MS)
      stage.member('member-1').stop()
      await sleep(STOP_MS)
      resumedAt = stage.at
      stage.fault('SIGCONT of member-1')
      stage.member('member-1').resume()
      await sleep(AFTERMATH_MS)
      await stage.settle()
    },
    expect(stage) {
      const { events } = stage
      const isOfIt = (event: (typeof events)[number]): boolean =>
        'actor' in event && event.actor === 'member-1' && event.at > resumedAt
      const lost = events.find((event) => event.type === 'lost' && isOfIt(event))
      const again = events.find((event) => event.type === 'assigned' && isOfIt(event))
      const until = again?.at ?? Number.POSITIVE_INFINITY
      const deliveries = deliveriesOf(stage, 'member-1', resumedAt, until)
      const still = deliveriesOf(stage, 'member-1', stoppedAt + 500, resumedAt)
      return [
        expectation(
          'nothing is delivered between waking and the new assignment',
          deliveries === 0,
          `${deliveries} deliveries`,
        ),
        expectation('nothing while it stands still', still === 0, `${still} deliveries`),
        expectation(
          'its partitions are lost to it',
          lost !== undefined,
          lost === undefined
            ? 'no loss told'
            : `told ${Math.round(lost.at - resumedAt)} ms after waking`,
        ),
        expectation(
          'it reads again',
          again !== undefined,
          again === undefined
            ? 'no'
            : `${((again.at - resumedAt) / 1000).toFixed(1)} s after waking`,
        ),
      ]
    },
  }
}

const block = (protocol: Protocol): ChaosScenario => ({
  name: `f5-blocked-loop-${protocol}`,
  text: `A handler computes for ${BLOCK_MS / 1000} s without letting the event loop turn; the session is ${SESSION_MS / 1000} s (${protocol}).`,
  stage: { brokers: 1, protocol },
  // The partitions of the blocked member stand still, that is the story.
  without: { 'nothing-stalls': 'its partitions wait for the handler' },
  async play(stage) {
    stage.fault(`the next handler of member-1 computes for ${BLOCK_MS / 1000} s`, BLOCK_MS)
    stage.member('member-1').order(`block ${BLOCK_MS}`)
    await sleep(BLOCK_MS + AFTERMATH_MS)
  },
  expect(stage, figures) {
    const blocked = stage.blocks.find(({ actor }) => actor === 'member-1')
    return [
      noRebalance(figures),
      expectation(
        'the session is kept by the heartbeat thread',
        blocked?.isSessionAlive === true && blocked.heartbeats > 0,
        blocked === undefined
          ? 'no block was told'
          : `blocked ${(blocked.blockedMs / 1000).toFixed(1)} s, ${blocked.heartbeats} heartbeats`,
      ),
    ]
  },
})

const deployment = (isStatic: boolean, protocol: Protocol): ChaosScenario => ({
  name: `deployment-${isStatic ? 'static' : 'dynamic'}-${protocol}`,
  text: `All pods are replaced, one after the other: closed in order, back 2 s later (${isStatic ? 'static' : 'dynamic'} members, ${protocol}).`,
  stage: { brokers: 1, protocol, isStatic },
  async play(stage) {
    for (const name of MEMBERS) {
      stage.fault(`${name} is replaced`)
      await stage.closeMember(name)
      await sleep(2000)
      stage.start(name)
      await sleep(5000)
    }
    await sleep(AFTERMATH_MS)
    await stage.settle()
  },
  expect: (_, figures) =>
    isStatic
      ? [noRebalance(figures)]
      : [
          expectation(
            'at most four generations per pod',
            figures.rebalances <= 4 * MEMBERS.length,
            figures.rebalances,
          ),
        ],
})

export const MEMBER_SCENARIOS: readonly ChaosScenario[] = [
  kill(false, 2000, 'classic'),
  kill(true, 2000, 'classic'),
  kill(true, 10_000, 'classic'),
  kill(false, 2000, 'consumer'),
  kill(true, 10_000, 'consumer'),
  stop('classic'),
  stop('consumer'),
  block('classic'),
  block('consumer'),
  deployment(true, 'classic'),
  deployment(false, 'classic'),
  deployment(true, 'consumer'),
  deployment(false, 'consumer'),
]
