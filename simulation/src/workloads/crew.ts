/** The members of a group: who lives, who is killed and starts again. */
import type { Crew } from '../plans/inflict.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import type { Stage } from './stage.ts'

export class GroupCrew implements Crew {
  readonly #stage: Stage
  readonly #optionsOf: (member: string) => ReaderOptions
  readonly #living = new Map<string, Reader>()
  readonly #dead = new Set<string>()

  constructor(stage: Stage, optionsOf: (member: string) => ReaderOptions) {
    this.#stage = stage
    this.#optionsOf = optionsOf
  }

  get living(): readonly string[] {
    return [...this.#living.keys()]
  }

  isAlive(client: string): boolean {
    return !this.#dead.has(client)
  }

  start(member: string): void {
    if (this.#living.has(member)) return
    this.#dead.delete(member)
    const reader = new Reader(this.#stage, member, this.#optionsOf(member))
    this.#living.set(member, reader)
    reader.start()
  }

  kill(member: string, { silently }: { readonly silently: boolean }): void {
    const reader = this.#living.get(member)
    if (reader === undefined) return
    this.#living.delete(member)
    this.#dead.add(member)
    const { groupId, groupInstanceId } = this.#optionsOf(member)
    const { actor, machine } = reader.client
    const remains = groupInstanceId !== undefined
    this.#stage.history.add({ type: 'memberKilled', actor, groupId, remains })
    machine.kill({ silently })
  }

  async close(member: string): Promise<void> {
    const reader = this.#living.get(member)
    if (reader === undefined) return
    this.#living.delete(member)
    this.#dead.add(member)
    await reader.close()
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.living.map((member) => this.close(member)))
  }
}
