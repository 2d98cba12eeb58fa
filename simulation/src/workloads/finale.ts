/**
 * How a run ends: nothing is written any more, readers drain the topics, and the lag is looked up.
 */
import type { Admin } from 'odradek'
import { LogBook } from '../checkers/log-book.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { TopicPartition } from '../history/topic-partition.ts'
import { partitionName } from '../history/history.ts'
import type { Scene } from '../plans/scene.ts'
import type { Stage } from './stage.ts'

/** How far each partition was processed. */
class ProcessedOffsets {
  readonly #ends = new Map<string, number>()
  readonly #book = new LogBook()
  /** By actor and place: what members got. */
  readonly #inHand = new Map<string, string>()
  #seen = 0

  follow(events: readonly HistoryEvent[]): this {
    for (; this.#seen < events.length; this.#seen++) {
      const event = events[this.#seen]
      if (event === undefined) break
      this.#book.enter(event)
      if (event.type === 'delivered') this.#inHand.set(placeOf(event), event.id)
      else if (event.type === 'processed') this.#process(event)
      // What is gone is not waited for.
      else if (event.type === 'dataLoss') this.#reach(event, event.to)
      else if (event.type === 'recordsGone') {
        if (event.cause === 'expired') this.#reach(event, event.to)
        else this.#ends.set(partitionName(event), Math.min(this.#endOf(event), event.from))
      }
    }
    return this
  }

  #process(event: EventOf<'processed'>): void {
    const id = this.#inHand.get(placeOf(event))
    // What has lost its place says nothing of what is there now.
    if (id === undefined || !this.#book.hasLostItsPlace(id)) this.#reach(event, event.offset + 1)
  }

  #endOf(place: TopicPartition): number {
    return this.#ends.get(partitionName(place)) ?? 0
  }

  #reach(place: TopicPartition, end: number): void {
    this.#ends.set(partitionName(place), Math.max(this.#endOf(place), end))
  }

  hasReached(topic: string, partition: number, end: number): boolean {
    return end === 0 || this.#endOf({ topic, partition }) >= end
  }
}

function placeOf(event: EventOf<'delivered' | 'processed'>): string {
  return `${event.actor} ${partitionName(event)} ${event.offset}`
}

/** How a group comes to its end, and how that is seen. */
export interface Ending {
  /** Waits until the group is through with everything, or for so long. */
  drain(timeoutMs: number): Promise<void>
  /** Writes down how far the group has come, once everybody is closed. */
  writeDownLag(): Promise<void>
}

export class Finale implements Ending {
  readonly #stage: Stage
  readonly #scene: Scene
  readonly #processed = new ProcessedOffsets()

  constructor(stage: Stage, scene: Scene) {
    this.#stage = stage
    this.#scene = scene
  }

  /** Waits until readers have come to the end of every partition, or for so long. */
  async drain(timeoutMs: number): Promise<void> {
    const { history } = this.#stage
    history.add({ type: 'writesStopped' })
    await this.#withAdmin(async (admin) => {
      const ends = await this.#ends(admin)
      await this.#stage.until(() => {
        this.#processed.follow(history.events)
        return ends.every(({ topic, partition, end }) =>
          this.#processed.hasReached(topic, partition, end),
        )
      }, timeoutMs)
    })
  }

  /** Asks the cluster what the group has committed, once everybody is closed. */
  async writeDownLag(): Promise<void> {
    const { groupId } = this.#scene
    await this.#withAdmin(async (admin) => {
      const ends = await this.#ends(admin)
      const committed = await admin.committedOffsets(groupId)
      for (const { topic, partition, end } of ends) {
        const found = committed.get(topic)?.find((one) => one.partition === partition)
        this.#stage.history.add({
          ...{ type: 'lag', groupId, topic, partition, end },
          committed: found?.offset ?? null,
        })
      }
    })
  }

  async #ends(admin: Admin) {
    const query = Object.fromEntries(
      Object.keys(this.#scene.topics).map((topic) => [topic, 'latest' as const]),
    )
    const listed = await admin.listOffsets(query)
    return [...listed].flatMap(([topic, partitions]) =>
      partitions.map(({ offset }, partition) => ({ topic, partition, end: offset ?? 0 })),
    )
  }

  async #withAdmin(use: (admin: Admin) => Promise<void>): Promise<void> {
    const client = this.#stage.client('admin')
    const admin = client.kafka.admin()
    try {
      await use(admin)
    } finally {
      await this.#stage.close(client, admin)
    }
  }
}
