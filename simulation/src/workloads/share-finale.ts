/** How a share group comes to its end: every record is through, and nothing is locked any more. */
import type { Scene } from '../plans/scene.ts'
import type { Ending } from './finale.ts'
import type { Stage } from './stage.ts'

export class ShareFinale implements Ending {
  readonly #stage: Stage
  readonly #scene: Scene

  constructor(stage: Stage, scene: Scene) {
    this.#stage = stage
    this.#scene = scene
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#stage.history.add({ type: 'writesStopped' })
    await this.#stage.until(
      () => this.#lags().every(({ locked, available }) => locked + available === 0),
      timeoutMs,
    )
  }

  writeDownLag(): Promise<void> {
    for (const lag of this.#lags()) this.#stage.history.add({ type: 'shareLag', ...lag })
    return Promise.resolve()
  }

  #lags() {
    const { groupId } = this.#scene
    return this.#partitions().map(({ topic, partition }) => {
      const view = this.#stage.sharePartition(groupId, topic, partition)
      const states = new Map(view.records.map(({ offset, state }) => [offset, state]))
      let [locked, available] = [0, 0]
      const start = Math.max(view.startOffset, view.logStartOffset)
      for (let offset = start; offset < view.endOffset; offset++) {
        const state = states.get(offset)
        if (state === 'acquired') locked++
        else if (state !== 'done') available++
      }
      return { groupId, topic, partition, locked, available }
    })
  }

  /** Topics may have grown. */
  #partitions(): readonly { readonly topic: string; readonly partition: number }[] {
    const counts = new Map<string, number>()
    for (const event of this.#stage.history.events) {
      if (event.type === 'topic') counts.set(event.topic, event.partitions)
    }
    return [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    )
  }
}
