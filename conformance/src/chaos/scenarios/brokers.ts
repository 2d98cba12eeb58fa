/** What brokers go through: restarts, crashes, and standing still while their sockets live. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChaosScenario, noRebalance } from '../chaos-scenario.ts'
import type { ChaosStage, Protocol } from '../chaos-stage.ts'

const BETWEEN_RESTARTS_MS = 3000
const AFTERMATH_MS = 12_000

async function rollingRestart(stage: ChaosStage): Promise<void> {
  for (const nodeId of stage.kafka.nodeIds) {
    const startedAt = stage.at
    stage.fault(`broker ${nodeId} is stopped in order and started again`, 10_000)
    await stage.kafka.stop(nodeId)
    await stage.kafka.restart(nodeId)
    const took = stage.at - startedAt
    stage.fault(`broker ${nodeId} is back after ${(took / 1000).toFixed(1)} s`)
    await sleep(BETWEEN_RESTARTS_MS)
  }
  await sleep(AFTERMATH_MS)
}

const rolling = (protocol: Protocol): ChaosScenario => ({
  name: `rolling-restart-${protocol}`,
  text: `Three brokers are restarted in order, one after the other; static members (${protocol}).`,
  stage: { brokers: 3, protocol, isStatic: true },
  play: rollingRestart,
  expect: (_, figures) => [noRebalance(figures)],
})

type Victim = 'leader' | 'coordinator'

async function victimOf(stage: ChaosStage, victim: Victim): Promise<number> {
  const coordinator = await stage.coordinator()
  return victim === 'coordinator' ? coordinator : stage.leaderOfMost([coordinator])
}

const crash = (victim: Victim, protocol: Protocol): ChaosScenario => ({
  name: `kill-${victim}-${protocol}`,
  text: `The broker that is ${victim === 'leader' ? 'leader of most partitions' : "the group's coordinator"} is killed, and started again 10 s later (${protocol}).`,
  stage: { brokers: 3, protocol },
  async play(stage) {
    const nodeId = await victimOf(stage, victim)
    stage.fault(`kill -9 of broker ${nodeId}`, 10_000)
    await stage.kafka.kill(nodeId)
    await sleep(10_000)
    stage.fault(`broker ${nodeId} starts again`)
    await stage.kafka.restart(nodeId)
    await sleep(AFTERMATH_MS)
  },
  expect: (_, figures) => [noRebalance(figures)],
})

const freeze = (victim: Victim, protocol: Protocol): ChaosScenario => ({
  name: `stop-${victim}-${protocol}`,
  text: `SIGSTOP of the broker that is the ${victim} for 30 s: its sockets live, and it answers nothing (${protocol}).`,
  stage: { brokers: 3, protocol },
  async play(stage) {
    const nodeId = await victimOf(stage, victim)
    stage.fault(`SIGSTOP of broker ${nodeId}`, 30_000)
    stage.kafka.pause(nodeId)
    await sleep(30_000)
    stage.fault(`SIGCONT of broker ${nodeId}`)
    stage.kafka.resume(nodeId)
    await sleep(AFTERMATH_MS)
  },
})

export const BROKER_SCENARIOS: readonly ChaosScenario[] = [
  rolling('classic'),
  rolling('consumer'),
  crash('leader', 'classic'),
  crash('coordinator', 'classic'),
  crash('coordinator', 'consumer'),
  freeze('leader', 'classic'),
  freeze('coordinator', 'classic'),
]
