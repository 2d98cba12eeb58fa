/** Does to a simulated world what a plan says, and writes it down. */
import type { EmbeddedCluster } from '@odradek/broker'
import type { VirtualWorld } from '@odradek/environment'
import type { History } from '../history/history.ts'
import { changeTopic, isThere } from './change-topic.ts'
import type { Fault, FaultOf } from './fault.ts'

/** Who ends members and brings them back: their processes are not all there is to them. */
export interface Crew {
  kill(member: string, options: { readonly silently: boolean }): void
  start(member: string): void
  /** Whether the process of this client runs. */
  isAlive(client: string): boolean
}

export interface Victims {
  readonly world: VirtualWorld
  readonly cluster: EmbeddedCluster
  readonly history: History
  readonly crew: Crew
}

export function brokerProcess(nodeId: number): string {
  return `broker-${nodeId}`
}

/** Lets every fault of a plan happen at its time; gives the time at which all of them are over. */
export function schedule(faults: readonly Fault[], victims: Victims): number {
  const { world } = victims
  const start = world.now
  let end = start
  for (const fault of faults) {
    world.at(start + fault.atMs, () => inflict(fault, victims))
    end = Math.max(end, start + fault.atMs + ('forMs' in fault ? fault.forMs : 0))
  }
  return end
}

function inflict(fault: Fault, victims: Victims): void {
  const { world, cluster, crew } = victims
  const note = (what: string, forMs = 0): void => {
    victims.history.add({ type: 'fault', what, until: world.now + forMs })
  }
  const later = (forMs: number, action: () => void): void => world.at(world.now + forMs, action)
  switch (fault.kind) {
    case 'brokerRestart':
    case 'brokerKill':
      stopBroker(fault, victims)
      return
    case 'brokerPause': {
      const { nodeId, forMs } = fault
      if (!cluster.isRunning(nodeId)) return
      const machine = world.process(brokerProcess(nodeId))
      note(`broker ${nodeId} is stopped by a signal`, forMs)
      machine.pause()
      later(forMs, () => machine.resume())
      return
    }
    case 'connectionLoss': {
      const { client, nodeId, how } = fault
      note(`${how} between ${client} and broker ${nodeId}`)
      world.network[how](client, brokerProcess(nodeId))
      return
    }
    case 'partition': {
      const { client, nodeId, direction, forMs } = fault
      const broker = brokerProcess(nodeId)
      note(`${client} is cut off from broker ${nodeId} (${direction})`, forMs)
      const [from, to] = direction === 'fromBroker' ? [broker, client] : [client, broker]
      world.network.partition(from, to, { oneWay: direction !== 'both' })
      later(forMs, () => world.network.heal(client, broker))
      return
    }
    case 'memberKill': {
      const { member, silently, forMs } = fault
      if (!crew.isAlive(member)) return
      note(`${member} is killed${silently ? ' without a word' : ''}`, forMs)
      crew.kill(member, { silently })
      later(forMs, () => crew.start(member))
      return
    }
    case 'memberPause': {
      if (!crew.isAlive(fault.member)) return
      const machine = world.process(fault.member)
      note(`${fault.member} is stopped`, fault.forMs)
      machine.pause()
      later(fault.forMs, () => machine.resume())
      return
    }
    case 'loopBlock':
      if (!crew.isAlive(fault.client)) return
      note(`the loop of ${fault.client} is blocked`, fault.forMs)
      world.process(fault.client).blockLoop(fault.forMs)
      return
    case 'clockSkew': {
      const { client, clock, byMs } = fault
      if (!crew.isAlive(client)) return
      note(`the ${clock} clock of ${client} jumps by ${byMs} ms`)
      if (clock === 'wall') world.process(client).skewWallClock(byMs)
      else world.process(client).skewMonotonicClock(byMs)
      return
    }
    case 'coordinatorMove': {
      const { groupId, nodeId } = fault
      if (!cluster.isRunning(nodeId) || cluster.coordinatorOf(groupId) === nodeId) return
      note(`group ${groupId} gets another coordinator: broker ${nodeId}`)
      cluster.moveCoordinator(groupId, nodeId)
      return
    }
    case 'leaderMove': {
      const { topic, partition, nodeId } = fault
      if (!cluster.isRunning(nodeId) || !isThere(cluster, fault)) return
      note(`${topic}-${partition} gets another leader: broker ${nodeId}`)
      cluster.moveLeader(topic, partition, nodeId)
      return
    }
    case 'truncation':
    case 'expiry':
    case 'topicGrowth':
    case 'topicRecreation':
      changeTopic(fault, victims)
      return
    case 'brokerSlow': {
      const { nodeId, api, delayMs, forMs } = fault
      note(`broker ${nodeId} takes ${delayMs} ms over every ${api ?? 'request'}`, forMs + delayMs)
      const inForce = cluster.faults.add({ nodeId, api, delayMs })
      later(forMs, () => inForce.remove())
      return
    }
    case 'throttling': {
      const { nodeId, throttleTimeMs, times, forMs } = fault
      note(`broker ${nodeId} throttles ${times} requests by ${throttleTimeMs} ms`, forMs)
      const inForce = cluster.faults.add({ nodeId, throttleTimeMs, times })
      later(forMs, () => inForce.remove())
      return
    }
    case 'brokerAnswers': {
      const { kind: _kind, atMs: _atMs, forMs, ...rule } = fault
      const { api, nodeId, times, ...effect } = rule
      const who = nodeId === undefined ? 'brokers treat' : `broker ${nodeId} treats`
      // A late answer may come so much later than the rule is in force.
      note(`${who} ${times} ${api} with ${JSON.stringify(effect)}`, forMs + (fault.delayMs ?? 0))
      const inForce = cluster.faults.add(rule)
      later(forMs, () => inForce.remove())
    }
  }
}

function stopBroker(
  fault: FaultOf<'brokerRestart' | 'brokerKill'>,
  { world, cluster, history }: Victims,
): void {
  const { nodeId, forMs } = fault
  if (!cluster.isRunning(nodeId)) return
  const isKilled = fault.kind === 'brokerKill'
  const manner = isKilled ? `killed${fault.silently ? ' without a word' : ''}` : 'stopped'
  history.add({ type: 'fault', what: `broker ${nodeId} is ${manner}`, until: world.now + forMs })
  const failed = (error: unknown): void =>
    history.add({ type: 'escaped', actor: brokerProcess(nodeId), error: String(error) })
  const machine = world.process(brokerProcess(nodeId))
  if (isKilled) machine.kill({ silently: fault.silently })
  cluster.stop(nodeId, { abruptly: isKilled }).catch(failed)
  world.at(world.now + forMs, () => {
    cluster.start(nodeId).catch(failed)
  })
}
