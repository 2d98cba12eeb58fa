/**
 * The heartbeatThread: a thread that heartbeats for the members of this process while the main loop
 * is blocked, over connections of its own, with the same code as the main thread. It watches the
 * main loop's tick, steps in when it stops, and steps back when it goes on; `take-over.ts` decides.
 *
 * What it does not do: join, synchronise, commit or acknowledge anything. When the group rebalances
 * while the loop is blocked it goes on heartbeating; the group waits for the main thread up to the
 * rebalance timeout, as for any member that is busy. Where answers carry an epoch (KIP-848) it goes
 * on from the one that it was told, and leaves it on the board for the main thread.
 */
import type { Environment, ThreadContext, Timer } from '@odradek/environment'
import { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import type { EffectiveKafkaOptions } from '../../options/client-options.ts'
import { Ticks } from './loop-watch.ts'
import { ClockOffset, tickIntervalMs } from './take-over.ts'
import type { FromThread, ToThread, ThreadData } from './thread-messages.ts'
import { ThreadMember } from './thread-member.ts'

export { threadContext } from '@odradek/environment'

export function run(context: ThreadContext): void {
  const { ticks } = context.data as ThreadData
  const heartbeatThread = new HeartbeatThread(context.environment, new Ticks(ticks), (message) =>
    context.post(message),
  )
  context.onMessage((message) => heartbeatThread.handle(message as ToThread))
}

interface SharedCluster {
  readonly cluster: Cluster
  users: number
}

class HeartbeatThread {
  readonly #environment: Environment
  readonly #ticks: Ticks
  readonly #post: (message: FromThread) => void
  readonly #members = new Map<number, { readonly clusterId: number; member: ThreadMember }>()
  readonly #clusters = new Map<number, SharedCluster>()
  readonly #offset = new ClockOffset()
  #timer: Timer | undefined
  #count = -1
  #tickSeenAt = 0

  constructor(environment: Environment, ticks: Ticks, post: (message: FromThread) => void) {
    this.#environment = environment
    this.#ticks = ticks
    this.#post = post
    this.#tickSeenAt = environment.clock.monotonic()
  }

  handle(message: ToThread): void {
    switch (message.type) {
      case 'seat': {
        const { id, clusterId, options, settings, board } = message
        const cluster = this.#use(clusterId, options)
        const member = new ThreadMember(cluster, settings, {
          board,
          offset: this.#offset,
          onTrouble: (reason) => this.#post({ type: 'trouble', id, reason }),
        })
        this.#members.set(id, { clusterId, member })
        this.#arm()
        return
      }
      case 'lines':
        this.#members.get(message.id)?.member.learn(message.number, message.lines)
        this.#arm()
        return
      case 'leave': {
        const seat = this.#members.get(message.id)
        if (seat === undefined) return
        this.#members.delete(message.id)
        seat.member.close()
        this.#release(seat.clusterId)
        this.#arm()
      }
    }
  }

  #use(clusterId: number, options: EffectiveKafkaOptions): Cluster {
    let shared = this.#clusters.get(clusterId)
    if (shared === undefined) {
      const emitter = new TypedEmitter<ClientEvents>()
      shared = { cluster: new Cluster(this.#environment, options, emitter), users: 0 }
      this.#clusters.set(clusterId, shared)
    }
    shared.users++
    return shared.cluster
  }

  #release(clusterId: number): void {
    const shared = this.#clusters.get(clusterId)
    if (shared === undefined) return
    shared.users--
    if (shared.users > 0) return
    this.#clusters.delete(clusterId)
    shared.cluster.close()
  }

  #arm(): void {
    const { timers } = this.#environment
    timers.clear(this.#timer)
    const sessions = [...this.#members.values()].map(({ member }) => member.sessionTimeoutMs)
    if (sessions.length === 0) return
    this.#timer = timers.set(tickIntervalMs(Math.min(...sessions)), () => {
      this.#look()
      this.#arm()
    })
  }

  #look(): void {
    const now = this.#environment.clock.monotonic()
    const { count } = this.#ticks
    if (count !== this.#count) {
      this.#count = count
      this.#tickSeenAt = now
      this.#offset.note(this.#ticks.stamp, now)
    }
    const sinceTickMs = now - this.#tickSeenAt
    for (const { member } of this.#members.values()) member.look(now, sinceTickMs)
  }
}
