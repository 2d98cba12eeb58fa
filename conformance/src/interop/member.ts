/** A member of a group, ours or somebody else's: what it has, what it reads, and how it leaves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Consumer, Kafka } from 'odradek'

export interface GroupPlace {
  readonly bootstrapServers: string
  readonly groupId: string
  readonly topic: string
  readonly strategy: string
}

export interface Member {
  readonly name: string
  readonly owned: ReadonlySet<number>
  /** `partition offset` of everything that it read. */
  readonly seen: ReadonlySet<string>
  readonly failures: readonly string[]
  /** Undefined where only the client itself knows. */
  readonly generationId: number | undefined
  leave(): Promise<void>
}

export class OurMember implements Member {
  readonly name: string
  readonly owned = new Set<number>()
  readonly seen = new Set<string>()
  readonly failures: string[] = []
  readonly #kafka: Kafka
  readonly #consumer: Consumer

  constructor(name: string, place: GroupPlace) {
    const { bootstrapServers, groupId, topic, strategy } = place
    this.name = name
    this.#kafka = new Kafka({ bootstrapServers, clientId: name })
    const forget = (partitions: readonly { readonly partition: number }[]): void => {
      for (const { partition } of partitions) this.owned.delete(partition)
    }
    this.#consumer = this.#kafka.consumer({
      groupId,
      topics: [topic],
      groupProtocol: 'classic',
      partitionAssignors: [strategy],
      startFrom: 'earliest',
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 500,
      autoCommitIntervalMs: 200,
      fetchMaxWaitMs: 200,
      onAssigned: (partitions) => {
        for (const { partition } of partitions) this.owned.add(partition)
      },
      onRevoked: forget,
      onLost: forget,
    })
    this.#consumer.on('rebalanceStorm', (storm) =>
      this.failures.push(`storm ${JSON.stringify(storm)}`),
    )
    this.#consumer
      .run(({ partition, offset }) => void this.seen.add(`${partition} ${offset}`))
      .catch((error: unknown) => this.failures.push(String(error)))
  }

  get generationId(): number | undefined {
    return this.#consumer.groupMetadata()?.generationIdOrMemberEpoch
  }

  async leave(): Promise<void> {
    await this.#kafka.close()
    this.owned.clear()
  }
}

export class PeerMember implements Member {
  readonly name: string
  readonly seen = new Set<string>()
  readonly failures: string[] = []
  readonly generationId = undefined
  readonly #leave: () => Promise<void>
  #owned = new Set<number>()

  constructor(name: string, command: readonly [string, ...string[]], place: GroupPlace) {
    const { bootstrapServers, groupId, topic, strategy } = place
    this.name = name
    const [program, ...args] = command
    const process = spawn(program, [...args, bootstrapServers, groupId, topic, strategy], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const ended = once(process, 'exit')
    createInterface({ input: process.stdout }).on('line', (line) => this.#hear(line))
    let isLeaving = false
    process.on('exit', (code) => {
      if (!isLeaving || code !== 0) this.failures.push(`it ended with code ${code}`)
      this.#owned.clear()
    })
    this.#leave = async () => {
      isLeaving = true
      process.stdin.end()
      const kill = setTimeout(() => process.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(kill)
    }
  }

  get owned(): ReadonlySet<number> {
    return this.#owned
  }

  #hear(line: string): void {
    const [what, ...rest] = line.split(' ')
    if (what === 'record') this.seen.add(rest.join(' '))
    else if (what === 'failed') this.failures.push(rest.join(' '))
    else if (what === 'assigned') {
      const [list = ''] = rest
      this.#owned = new Set(list === '' ? [] : list.split(',').map(Number))
    }
  }

  leave(): Promise<void> {
    return this.#leave()
  }
}
