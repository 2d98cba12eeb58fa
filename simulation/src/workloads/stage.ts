/**
 * Where a workload plays: a world, a cluster in it, client processes, and the history that is
 * written of them. The plan's faults begin when the workload says so.
 */
import type { EmbeddedCluster, SharePartitionView } from '@odradek/broker'
import type { Environment, VirtualProcess, VirtualWorld } from '@odradek/environment'
import { Kafka, type KafkaOptions } from 'odradek'
import type { History } from '../history/history.ts'
import { observeClient } from '../history/observe-client.ts'
import { describe } from '../history/observe-cluster.ts'
import type { Chance } from '../plans/chance.ts'
import type { Fault } from '../plans/fault.ts'
import { type Crew, schedule } from '../plans/inflict.ts'

/** One life of a client process. */
export interface Client {
  readonly name: string
  /** The name, and the number of the life from the second on. */
  readonly actor: string
  readonly machine: VirtualProcess
  readonly environment: Environment
  readonly kafka: Kafka
  /** User code that waits for a timer of its own right now. */
  sleepers: number
}

export interface StageParts {
  readonly world: VirtualWorld
  readonly cluster: EmbeddedCluster
  readonly history: History
  readonly chance: Chance
  readonly faults: readonly Fault[]
}

export interface SharePartitionOfLog extends SharePartitionView {
  readonly logStartOffset: number
  readonly endOffset: number
}

/** Timeouts of clients: Kafka's are made for days, a run lasts a minute. */
export const TIMINGS = {
  requestTimeoutMs: 6000,
  defaultApiTimeoutMs: 40_000,
  connectionSetupTimeoutMs: 4000,
  metadataMaxAgeMs: 15_000,
} as const

export class Stage {
  readonly world: VirtualWorld
  readonly history: History
  readonly chance: Chance
  readonly #parts: StageParts
  readonly #lives = new Map<string, number>()

  constructor(parts: StageParts) {
    this.#parts = parts
    this.world = parts.world
    this.history = parts.history
    this.chance = parts.chance
  }

  /** The faults happen from now on; gives the time at which the last of them is over. */
  begin(crew: Crew): number {
    return schedule(this.#parts.faults, { ...this.#parts, crew })
  }

  /** What a share group has of a partition, by the word of its leader; and the log's bounds. */
  sharePartition(groupId: string, topic: string, partition: number): SharePartitionOfLog {
    const { cluster } = this.#parts
    const { logStartOffset, endOffset } = cluster.partition(topic, partition)
    return { ...cluster.sharePartition(groupId, topic, partition), logStartOffset, endOffset }
  }

  /** A client in a process of its own, which is started if need be. */
  client(name: string, options: Partial<KafkaOptions> = {}): Client {
    const life = (this.#lives.get(name) ?? 0) + 1
    this.#lives.set(name, life)
    const actor = life === 1 ? name : `${name}.${life}`
    const machine = this.world.process(name)
    const { environment } = machine
    const { bootstrapServers } = this.#parts.cluster
    const kafka = new Kafka(
      { bootstrapServers, ...TIMINGS, ...options, clientId: actor },
      { environment },
    )
    observeClient(kafka, actor, this.history)
    return { name, actor, machine, environment, kafka, sleepers: 0 }
  }

  /** Waits in the world's own time until a condition holds, or `timeoutMs` have passed. */
  async until(isSo: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const deadline = this.world.now + timeoutMs
    for (;;) {
      if (await isSo()) return true
      if (this.world.now >= deadline) return false
      await this.world.sleep(POLL_MS)
    }
  }

  /** Closes something of a client, writes down how that went, and what its process holds then. */
  async close(client: Client, part: { close(): Promise<unknown> } = client.kafka): Promise<void> {
    const { actor, machine } = client
    const startedAt = this.world.now
    let error: string | undefined
    try {
      await part.close()
      await client.kafka.close()
    } catch (reason) {
      error = describe(reason)
    }
    const tookMs = this.world.now - startedAt
    this.history.add({
      type: 'closed',
      actor,
      tookMs,
      timeoutMs: CLOSE_TIMEOUT_MS,
      ...(error === undefined ? {} : { error }),
    })
    // Sockets that were closed in order are gone once the other side has heard of it.
    await this.world.sleep(LEFTOVERS_AFTER_MS)
    const { timers: all, connections, threads } = machine.leaks()
    const timers = all - client.sleepers
    this.history.add({ type: 'leftovers', actor, timers, connections, threads })
  }
}

const POLL_MS = 500
/** The client's own default, and a turn or two. */
const CLOSE_TIMEOUT_MS = 30_100
const LEFTOVERS_AFTER_MS = 2000
