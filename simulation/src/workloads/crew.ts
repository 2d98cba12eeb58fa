/** The members of a group: who lives, who is killed and starts again. */
import type { Crew } from '../plans/inflict.ts'
import type { Client, Stage } from './stage.ts'

/** So long it takes until a program that failed runs again. */
const RESTART_MS = 1000

/** One life of a member: a program that reads in the name of a group. */
export interface Member {
  readonly client: Client
  /** Its place in the group outlives it. */
  readonly isStatic: boolean
  /** `onFenced`: another took its static name, and the program ends. */
  start(onFenced: () => void): void
  close(): Promise<void>
}

export class GroupCrew implements Crew {
  readonly #stage: Stage
  readonly #groupId: string
  readonly #make: (member: string) => Member
  readonly #living = new Map<string, Member>()
  readonly #closing = new Set<string>()
  /** Killed, and to be brought back by whoever did it. */
  readonly #killed = new Set<string>()

  constructor(stage: Stage, groupId: string, make: (member: string) => Member) {
    this.#stage = stage
    this.#groupId = groupId
    this.#make = make
  }

  get living(): readonly string[] {
    return [...this.#living.keys()]
  }

  isAlive(client: string): boolean {
    return this.#living.has(client) || !client.startsWith('member-')
  }

  /** It neither lives, nor closes, nor is it about to be brought back. */
  isAbsent(member: string): boolean {
    return ![this.#living, this.#closing, this.#killed].some((some) => some.has(member))
  }

  start(member: string): void {
    if (this.#living.has(member)) return
    this.#killed.delete(member)
    const reader = this.#make(member)
    this.#living.set(member, reader)
    reader.start(() => this.#replaceFenced(member, reader))
  }

  /** Its program ends with an error, and whoever runs it starts another. */
  #replaceFenced(member: string, reader: Member): void {
    if (this.#living.get(member) !== reader) return
    const { actor } = reader.client
    const groupId = this.#groupId
    this.#stage.history.add({ type: 'memberFenced', actor, groupId, remains: true })
    const { world } = this.#stage
    this.#end(member, reader, { silently: false })
    world.at(world.now + RESTART_MS, () => this.start(member))
  }

  kill(member: string, { silently }: { readonly silently: boolean }): void {
    const reader = this.#living.get(member)
    if (reader === undefined) return
    const groupId = this.#groupId
    const { actor } = reader.client
    const remains = reader.isStatic
    this.#stage.history.add({ type: 'memberKilled', actor, groupId, remains })
    this.#end(member, reader, { silently })
  }

  #end(member: string, { client }: Member, { silently }: { readonly silently: boolean }): void {
    this.#living.delete(member)
    this.#killed.add(member)
    client.machine.kill({ silently })
  }

  async close(member: string): Promise<void> {
    const reader = this.#living.get(member)
    if (reader === undefined) return
    this.#living.delete(member)
    this.#closing.add(member)
    await reader.close()
    // A program that has closed everything comes to its end.
    reader.client.machine.kill()
    this.#closing.delete(member)
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.living.map((member) => this.close(member)))
  }
}
