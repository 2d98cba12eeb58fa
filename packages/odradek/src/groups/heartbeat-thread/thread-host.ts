/**
 * The main thread's end of the heartbeat thread: starts the thread with the first member of this
 * process and ends it with the last. Where there is no thread to be had, members go on without one,
 * and are told why.
 */
import type { Environment, Thread } from '@odradek/environment'
import type { Cluster } from '../../cluster/index.ts'
import { heartbeatThreadModule } from './heartbeat-thread-module.ts'
import type { AnySnapshot } from './send-heartbeat.ts'
import { loopWatchOf } from './loop-watch.ts'
import type { Seat } from '../shell/heartbeat-handle.ts'
import type { FromThread, SeatSettings, ToThread, ThreadData } from './thread-messages.ts'
import { threadOptions } from './thread-options.ts'
import { run } from './heartbeat-thread.ts'

export interface ThreadUser {
  readonly cluster: Cluster
  readonly settings: SeatSettings
  readonly seat: Seat
  /** It is off, or has trouble, for this reason. */
  readonly onOff: (reason: string) => void
}

export class HeartbeatThreadHost {
  readonly #environment: Environment
  readonly #users = new Map<number, ThreadUser>()
  readonly #clusterIds = new WeakMap<Cluster, number>()
  #thread: Thread | undefined
  #lastId = 0
  #lastClusterId = 0

  /** Use `heartbeatThreadOf`. */
  constructor(environment: Environment) {
    this.#environment = environment
  }

  /**
   * Takes a member in. The answer lets go of it, and settles when the thread needs no waiting for.
   */
  join(user: ThreadUser): () => Promise<void> {
    const given = threadOptions(user.cluster.options)
    const whyNot = 'whyNot' in given ? given.whyNot : this.#start()
    if (whyNot !== undefined || 'whyNot' in given) {
      user.onOff(whyNot ?? '')
      return () => Promise.resolve()
    }
    const id = ++this.#lastId
    this.#users.set(id, user)
    const { settings, seat } = user
    const clusterId = this.#idOf(user.cluster)
    const board = seat.board.memory
    this.#post({ type: 'seat', id, clusterId, options: given.options, settings, board })
    seat.open((number, snapshot) =>
      this.#post({ type: 'lines', id, number, lines: snapshot as AnySnapshot }),
    )
    return () => this.#leave(id)
  }

  #idOf(cluster: Cluster): number {
    let id = this.#clusterIds.get(cluster)
    if (id === undefined) {
      id = ++this.#lastClusterId
      this.#clusterIds.set(cluster, id)
    }
    return id
  }

  /** Why there is no thread; undefined when there is one. */
  #start(): string | undefined {
    if (this.#thread !== undefined) return undefined
    const { threads } = this.#environment
    if (!threads.available) return 'this runtime has no threads'
    const data: ThreadData = { ticks: loopWatchOf(this.#environment).ticks.memory }
    let thread: Thread
    try {
      thread = threads.start({ module: heartbeatThreadModule, inline: run, data })
    } catch (error) {
      return `its thread could not be started (${messageOf(error)})`
    }
    this.#thread = thread
    thread.onMessage((message) => this.#hear(message as FromThread))
    thread.onExit((error) => {
      if (this.#thread !== thread) return
      this.#thread = undefined
      const users = [...this.#users.values()]
      this.#users.clear()
      for (const user of users) user.onOff(`its thread ended (${messageOf(error)})`)
    })
    return undefined
  }

  #hear({ id, reason }: FromThread): void {
    this.#users
      .get(id)
      ?.onOff(`it cannot reach the group's coordinator, and goes on trying: ${reason}`)
  }

  #post(message: ToThread): void {
    this.#thread?.post(message)
  }

  async #leave(id: number): Promise<void> {
    if (!this.#users.delete(id)) return
    if (this.#users.size > 0) {
      this.#post({ type: 'leave', id })
      return
    }
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }
}

const hosts = new WeakMap<Environment, HeartbeatThreadHost>()

/** The one of this process. */
export function heartbeatThreadOf(environment: Environment): HeartbeatThreadHost {
  let host = hosts.get(environment)
  if (host === undefined) {
    host = new HeartbeatThreadHost(environment)
    hosts.set(environment, host)
  }
  return host
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no reason was given'
}
