/**
 * Fault plans: what goes wrong, and when. A plan turns chance into a list of faults, before the run
 * begins and without a look at it, so a seed says everything. New plans go into `PLANS`.
 */
import type { LinkRule } from '@odradek/environment'
import type { Chance } from './chance.ts'
import type { Fault } from './fault.ts'
import { answerFaults, silences, slowBrokers, throttling } from './answers.ts'
import {
  blocks,
  brokerKill,
  brokerPauses,
  brokerRestart,
  clockSkews,
  connectionLosses,
  coordinatorMoves,
  expiries,
  leaderMoves,
  memberKills,
  memberPauses,
  partitions,
  rollingRestart,
  topicGrowth,
  topicRecreations,
  truncations,
} from './misfortunes.ts'
import type { Scene } from './scene.ts'

export interface Plan {
  readonly name: string
  readonly text: string
  readonly faults: (chance: Chance, scene: Scene) => readonly Fault[]
  /** How the network is throughout, beside what the profile says. */
  readonly link?: (chance: Chance) => LinkRule
}

/** Delays that differ from message to message, and answers that come in pieces. */
const restless = (chance: Chance): LinkRule => ({
  latencyMs: [1, chance.pick([5, 20, 60, 200])],
  ...(chance.percent(50) ? { maxChunkBytes: chance.pick([20, 100, 1000]) } : {}),
})

const MISFORTUNES = [
  ...[
    brokerRestart,
    brokerKill,
    brokerPauses,
    connectionLosses,
    partitions,
    memberKills,
    memberPauses,
  ],
  ...[blocks, clockSkews, coordinatorMoves, leaderMoves, answerFaults],
  ...[rollingRestart, truncations, expiries, topicGrowth, topicRecreations],
  ...[silences, slowBrokers, throttling],
]

export const PLANS: readonly Plan[] = [
  { name: 'calm', text: 'nothing goes wrong', faults: () => [] },
  {
    name: 'restart',
    text: 'random message delays, and one broker restarts',
    faults: brokerRestart,
    link: restless,
  },
  { name: 'kill', text: 'a broker is killed and comes back', faults: brokerKill, link: restless },
  { name: 'freezes', text: 'brokers stand still for a while', faults: brokerPauses },
  { name: 'resets', text: 'connections are reset, swallowed, half open', faults: connectionLosses },
  {
    name: 'partitions',
    text: 'clients and brokers are cut off, one way or both',
    faults: partitions,
  },
  { name: 'deaths', text: 'members are killed and start again', faults: memberKills },
  { name: 'pauses', text: 'members are stopped for a while, or compute', faults: pausesAndBlocks },
  { name: 'clocks', text: 'clocks jump', faults: clockSkews },
  { name: 'moves', text: 'coordinators and leaders move', faults: moves },
  { name: 'answers', text: 'brokers answer with errors, late, or never', faults: answerFaults },
  { name: 'silence', text: 'answers to heartbeats and commits are lost', faults: silences },
  { name: 'slowness', text: 'brokers are slow, or ask for peace', faults: slownessAndThrottling },
  { name: 'rolling', text: 'one broker after the other restarts', faults: rollingRestart },
  {
    name: 'truncation',
    text: 'logs lose their ends, as in unclean elections',
    faults: truncations,
  },
  { name: 'retention', text: 'records go, read or unread', faults: expiries },
  { name: 'growth', text: 'topics get more partitions', faults: topicGrowth },
  {
    name: 'recreation',
    text: 'topics are deleted and made anew while members restart and coordinators move',
    faults: (chance, scene) =>
      inOrder([
        ...topicRecreations(chance, scene),
        ...chance
          .some([memberKills, memberPauses, coordinatorMoves, leaderMoves, connectionLosses], 2)
          .flatMap((misfortune) => misfortune(chance, scene)),
      ]),
  },
  {
    name: 'churn',
    text: 'members are killed and stopped, coordinators move',
    faults: (chance, scene) =>
      inOrder(
        chance
          .some([memberKills, memberPauses, coordinatorMoves])
          .flatMap((misfortune) => misfortune(chance, scene)),
      ),
  },
  {
    name: 'crowd',
    text: 'members, coordinators, leaders and the network are restless, brokers slow',
    faults: (chance, scene) =>
      inOrder(
        chance
          .some([
            ...[memberKills, memberPauses, coordinatorMoves, partitions, connectionLosses],
            ...[slowBrokers, leaderMoves, brokerRestart, brokerKill, silences, rollingRestart],
          ])
          .flatMap((misfortune) => misfortune(chance, scene)),
      ),
  },
  {
    name: 'swarm',
    text: 'a few kinds of misfortune at a time, another few for each seed',
    faults: (chance, scene) =>
      inOrder(chance.some(MISFORTUNES, 4).flatMap((misfortune) => misfortune(chance, scene))),
    link: (chance) => (chance.percent(50) ? restless(chance) : {}),
  },
]

function pausesAndBlocks(chance: Chance, scene: Scene): readonly Fault[] {
  return inOrder([...memberPauses(chance, scene), ...blocks(chance, scene)])
}

function slownessAndThrottling(chance: Chance, scene: Scene): readonly Fault[] {
  return inOrder([...slowBrokers(chance, scene), ...throttling(chance, scene)])
}

function moves(chance: Chance, scene: Scene): readonly Fault[] {
  return inOrder([...coordinatorMoves(chance, scene), ...leaderMoves(chance, scene)])
}

function inOrder(faults: readonly Fault[]): readonly Fault[] {
  return [...faults].sort((a, b) => a.atMs - b.atMs)
}
