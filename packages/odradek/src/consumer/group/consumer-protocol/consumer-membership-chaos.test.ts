// KIP-848 groups in random trouble: members come, go, die, stall and change their minds, and the
// coordinator refuses, swallows and moves. At no moment does a partition have two readers;
// when the trouble ends, every partition has one, and the group is at rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import type { Fault } from './fake-consumer-coordinator.test-kit.ts'
import { FakeConsumerGroup, type FakeMembership } from './fake-consumer-group.test-kit.ts'

/** `SEED=36 SEEDS=1` plays one of them again. */
const SEEDS = Number(process.env['SEEDS'] ?? 40)
const FIRST_SEED = Number(process.env['SEED'] ?? 1)
const TOPIC_LISTS = [['orders'], ['bills'], ['orders', 'bills']]
const FAULTS: readonly Fault[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  -1,
  9999,
  'swallow',
  'swallowAnswer',
]

class Trouble {
  readonly group: FakeConsumerGroup
  readonly #random
  readonly story: string[] = []
  #names = 0

  constructor(seed: number) {
    this.group = new FakeConsumerGroup({ orders: 5, bills: 3 }, seed)
    this.#random = this.group.world.process('director').environment.random
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.integer(list.length)] as T
  }

  get #living(): readonly FakeMembership[] {
    return [...this.group.members.values()].filter(
      ({ process, stateName }) => process.isAlive && !['leaving', 'left'].includes(stateName),
    )
  }

  join(): void {
    const name = `m${this.#names++}`
    const groupInstanceId = this.#random.integer(3) === 0 ? name : null
    const member = this.group.member(name, { topics: this.#pick(TOPIC_LISTS), groupInstanceId })
    member.revokedMs = this.#random.integer(3000)
    member.assignedMs = this.#random.integer(300)
  }

  /** One thing goes wrong. */
  act(): string {
    const { coordinator, hiddenTopics } = this.group
    const living = this.#living
    const member = living.length === 0 ? undefined : this.#pick(living)
    switch (this.#random.integer(9)) {
      case 0:
        if (living.length < 7) this.join()
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
      case 3: {
        const fault = this.#pick(FAULTS)
        coordinator.onNext(fault, 1 + this.#random.integer(3))
        return `refused with ${typeof fault === 'function' ? '' : fault}`
      }
      case 4:
        member?.membership.rejoin('a whim')
        coordinator.bump()
        return 'bump'
      case 5:
        member?.membership.setTopics(this.#pick(TOPIC_LISTS))
        return 'topics'
      case 6:
        member?.process.blockLoop(this.#random.integer(12_000))
        return 'block'
      case 7:
        if (hiddenTopics.delete('bills')) return 'bills is seen again'
        hiddenTopics.add('bills')
        return 'bills is hidden'
      default: {
        coordinator.refusal = ErrorCode.NOT_COORDINATOR
        const until = this.group.world.now + this.#random.integer(6000)
        this.group.world.at(until, () => {
          coordinator.refusal = undefined
        })
        return 'coordinator moves'
      }
    }
  }

  async run(): Promise<void> {
    this.join()
    this.join()
    this.join()
    for (let act = 0; act < 25; act++) {
      await this.#pass(this.#random.integer(4000))
      this.story.push(`${this.group.world.now}: ${this.act()}`)
    }
    this.group.coordinator.refusal = undefined
    this.group.coordinator.forgetFaults()
    this.group.hiddenTopics.clear()
    await this.#pass(60_000)
    this.#checkRest()
    const { groupEpoch } = this.group.coordinator
    for (const member of this.#living) member.clear()
    await this.#pass(60_000)
    assert.equal(this.group.coordinator.groupEpoch, groupEpoch, 'the group is not at rest')
    for (const { heard } of this.#living) assert.deepEqual(heard, [])
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
    for (const { stateName, steps, fatal } of this.#living) {
      assert.equal(fatal, undefined)
      assert.equal(stateName, 'stable')
      const state = steps.at(-1)?.to
      const { topics } = (state !== undefined && 'member' in state
        ? state.member.subscription
        : undefined) ?? { topics: [] }
      for (const topic of topics) {
        const count = this.group.topics.get(topic) ?? 0
        for (let partition = 0; partition < count; partition++) wanted.add(`${topic}:${partition}`)
      }
    }
    assert.deepEqual([...this.group.owners().keys()].sort(), [...wanted].sort())
  }

  async #end(): Promise<void> {
    for (const member of this.#living) {
      await this.group.world.run(member.leave())
      await this.group.world.advance(40_000)
      assert.equal(member.process.leaks().timers, 0, 'a timer is left')
    }
  }
}

test(`${SEEDS} groups in random trouble keep one reader per partition and come to rest`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const trouble = new Trouble(seed)
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
})

function traceOf(name: string, { steps }: FakeMembership): readonly string[] {
  return steps.map(({ at, event, from, to, effects }) => {
    const code = 'error' in event ? ` ${event.error.code}` : ''
    const epoch = event.type === 'answered' ? ` ${event.memberEpoch}` : ''
    const done = effects.map((effect) => effect.do).join(' ')
    return `${at} ${name} ${from.name}: ${event.type}${code}${epoch} -> ${to.name} (${done})`
  })
}
