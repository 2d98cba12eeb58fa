/**
 * Which records a group may leave out because of where it began: those that are older than the
 * instant at which a member starts that finds no committed offset. A member that counts from the
 * group's first start takes the group's instant as soon as anything is committed in the topic.
 */
import type { HistoryEvent } from '../history/event.ts'

export class StartBook {
  /** By group and topic: the latest instant at which anybody may have begun. */
  readonly #instants = new Map<string, number>()
  readonly #timestamps = new Map<string, number>()

  constructor(events: readonly HistoryEvent[]) {
    const starts = events.flatMap((event) =>
      event.type === 'memberStarted' && event.startsFrom !== undefined
        ? [{ at: event.at, groupId: event.groupId, ...event.startsFrom }]
        : [],
    )
    if (starts.length === 0) return
    const firstCommits = new Map<string, number>()
    for (const event of events) {
      if (event.type === 'appended') {
        event.timestamps?.forEach((timestamp, index) => {
          this.#timestamps.set(event.ids[index] ?? '', timestamp)
        })
      } else if (event.type === 'committed') {
        const name = `${event.groupId} ${event.topic}`
        if (!firstCommits.has(name)) firstCommits.set(name, event.at)
      }
    }
    for (const event of events) {
      if (event.type !== 'topic') continue
      for (const { groupId, at, timestamp, isOfGroup } of starts) {
        const name = `${groupId} ${event.topic}`
        const isLate = at > (firstCommits.get(name) ?? Number.POSITIVE_INFINITY)
        if (isOfGroup && isLate) continue
        this.#instants.set(name, Math.max(timestamp, this.#instants.get(name) ?? timestamp))
      }
    }
  }

  /** Whether the group may begin behind this record. */
  mayLeaveOut(groupId: string, topic: string, id: string): boolean {
    const instant = this.#instants.get(`${groupId} ${topic}`)
    const timestamp = this.#timestamps.get(id)
    return instant !== undefined && timestamp !== undefined && timestamp < instant
  }
}
