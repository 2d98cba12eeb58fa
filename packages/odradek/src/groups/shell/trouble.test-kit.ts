/**
 * Groups in random trouble, whatever protocol they speak: members come, go, die, stall and change
 * their minds, and the coordinator moves. At no moment does a partition have two readers; when the
 * trouble ends, every partition has one, and the group is at rest.
 */
import assert from 'node:assert/strict'
import { ErrorCode } from '@odradek/protocol'
import type { FakeMember, FakeMembers } from './fake-members.test-kit.ts'

/** `SEED=36 SEEDS=1` plays one of them again. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1)
const TOPIC_LISTS = [['orders'], ['bills'], ['orders', 'bills']]
export const TOPICS = { orders: 5, bills: 3 }

type FakeGroup<M extends FakeMember> = FakeMembers<M> & {
  readonly coordinator: { refusal: number | undefined; forgetFaults(): void }
}

export abstract class Trouble<M extends FakeMember, G extends FakeGroup<M>> {
  readonly group: G
  readonly story: string[] = []
  readonly #random
  #names = 0

  constructor(group: G) {
    this.group = group
    this.#random = group.world.process('director').environment.random
  }

  /** Makes a member that reads these topics. */
  protected abstract make(name: string, topics: readonly string[]): M
  /** One more thing that can go wrong under this protocol, by its name. */
  protected abstract readonly acts: readonly (() => string)[]
  /** What the coordinator counts up with every rebalance. */
  protected abstract readonly rebalances: number
  protected abstract topicsOf(member: M): readonly string[]

  protected below(limit: number): number {
    return this.#random.integer(limit)
  }

  protected pick<T>(list: readonly T[]): T {
    return list[this.#random.integer(list.length)] as T
  }

  protected get living(): readonly M[] {
    return [...this.group.members.values()].filter(
      ({ process, stateName }) => process.isAlive && !['leaving', 'left'].includes(stateName),
    )
  }

  #join(): void {
    this.make(`m${this.#names++}`, this.pick(TOPIC_LISTS))
  }

  #act(): string {
    const { acts, living } = this
    const member = living.length === 0 ? undefined : this.pick(living)
    const act = this.below(6 + acts.length)
    switch (act) {
      case 0:
        if (living.length < 7) this.#join()
        return 'join'
      case 1:
        if (living.length > 2) member?.process.kill()
        return 'kill'
      case 2:
        // Whoever leaves has stopped reading before.
        if (living.length > 2) {
          void member?.leave().then(() => member.owned.clear())
          member?.owned.clear()
        }
        return 'leave'
      case 3:
        member?.membership.setTopics(this.pick(TOPIC_LISTS))
        return 'topics'
      case 4:
        member?.process.blockLoop(this.below(12_000))
        return 'block'
      case 5: {
        const { coordinator, world } = this.group
        coordinator.refusal = ErrorCode.NOT_COORDINATOR
        world.at(world.now + this.below(6000), () => {
          coordinator.refusal = undefined
        })
        return 'coordinator moves'
      }
      default:
        return acts[act - 6]?.() ?? ''
    }
  }

  async run(): Promise<void> {
    for (let members = 0; members < 3; members++) this.#join()
    for (let act = 0; act < 25; act++) {
      await this.#pass(this.below(4000))
      this.story.push(`${this.group.world.now}: ${this.#act()}`)
    }
    this.group.coordinator.refusal = undefined
    this.group.coordinator.forgetFaults()
    this.group.hiddenTopics.clear()
    await this.#pass(60_000)
    this.#checkRest()
    const { rebalances } = this
    for (const member of this.living) member.clear()
    await this.#pass(60_000)
    assert.equal(this.rebalances, rebalances, 'the group is not at rest')
    for (const { heard } of this.living) assert.deepEqual(heard, [])
    await this.#end()
  }

  /** Looks at the group every few milliseconds, because two readers may be so for a moment. */
  async #pass(durationMs: number): Promise<void> {
    const end = this.group.world.now + durationMs
    while (this.group.world.now < end) {
      await this.group.world.advance(Math.min(20, end - this.group.world.now))
      this.group.owners()
    }
  }

  #checkRest(): void {
    const wanted = new Set<string>()
    for (const member of this.living) {
      assert.equal(member.fatal, undefined)
      assert.equal(member.stateName, 'stable')
      for (const topic of this.topicsOf(member)) {
        const count = this.group.topics.get(topic) ?? 0
        for (let partition = 0; partition < count; partition++) wanted.add(`${topic}:${partition}`)
      }
    }
    assert.deepEqual([...this.group.owners().keys()].sort(), [...wanted].sort())
  }

  async #end(): Promise<void> {
    for (const member of this.living) {
      await this.group.world.run(member.leave())
      await this.group.world.advance(40_000)
      assert.equal(member.process.leaks().timers, 0, 'a timer is left')
    }
  }
}

/** Plays so many seeds; a failure tells the whole story of its group. */
export async function playSeeds(
  count: number,
  make: (seed: number) => Trouble<FakeMember, FakeGroup<FakeMember>>,
): Promise<void> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + count; seed++) {
    const trouble = make(seed)
    try {
      await trouble.run()
    } catch (error) {
      const { members, world } = trouble.group
      const lines = [...members].flatMap(([name, member]) => traceOf(name, member))
      lines.sort((x, y) => Number.parseFloat(x) - Number.parseFloat(y))
      const text = [`seed ${seed}:`, ...trouble.story, '', ...lines].join('\n')
      throw new Error(`${String(error)} at ${world.now}\n${text}`, { cause: error })
    }
  }
}

function traceOf(name: string, { steps }: FakeMember): readonly string[] {
  return steps.map(({ at, event, from, to, effects }) => {
    const code = event.error === undefined ? '' : ` ${event.error.code}`
    const done = effects.map((effect) => effect.do).join(' ')
    return `${at} ${name} ${from.name}: ${event.type}${code} -> ${to.name} (${done})`
  })
}
