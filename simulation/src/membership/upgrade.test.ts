// From an eager assignor to a cooperative one in two rolling restarts, as Kafka documents it, and
// back; and what `sticky` remembers of its partitions through an eager rebalance.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GROUP, type GroupMember, GroupWorld } from './group-world.ts'

const NAMES = ['a', 'b', 'c']
const SETTLE_MS = 8000

type Assignors = readonly string[]

class Crew {
  readonly group: GroupWorld
  readonly members = new Map<string, GroupMember>()
  #restarts = 0

  constructor(group: GroupWorld) {
    this.group = group
  }

  static async start(seed: number, partitionAssignors: Assignors): Promise<Crew> {
    const crew = new Crew(await GroupWorld.start(seed))
    for (const name of NAMES) crew.#begin(name, partitionAssignors)
    await crew.group.advance(SETTLE_MS)
    return crew
  }

  #begin(name: string, partitionAssignors: Assignors): void {
    const process = this.#restarts === 0 ? name : `${name}-${this.#restarts}`
    this.members.set(name, this.group.member(process, { partitionAssignors }))
  }

  /** One after the other; meanwhile `advance` looks whether a partition has two owners. */
  async restartAll(partitionAssignors: Assignors): Promise<readonly (string | null | undefined)[]> {
    this.#restarts++
    const protocols: (string | null | undefined)[] = []
    for (const name of NAMES) {
      const old = this.members.get(name)
      if (old !== undefined) await this.group.world.run(old.close())
      await this.group.advance(1000)
      this.#begin(name, partitionAssignors)
      await this.group.advance(SETTLE_MS)
      protocols.push(this.protocol)
      assert.deepEqual(this.sizes, [2, 2, 2])
    }
    return protocols
  }

  get protocol(): string | null | undefined {
    return this.group.cluster.group(GROUP)?.protocolName
  }

  get sizes(): readonly number[] {
    return [...this.members.values()].map(({ owned }) => owned.size)
  }

  get troubles(): readonly string[] {
    return [...this.group.members.values()].flatMap((one) => [
      ...one.told('lost'),
      ...one.told('failed'),
    ])
  }

  async end(): Promise<void> {
    for (const member of this.members.values()) await this.group.world.run(member.close())
    await this.group.world.run(this.group.cluster.close())
  }
}

test('two rolling restarts bring a group from range to cooperative-sticky, and back', async () => {
  const crew = await Crew.start(21, ['range'])
  assert.equal(crew.protocol, 'range')
  const first = await crew.restartAll(['cooperative-sticky', 'range'])
  assert.deepEqual(first, ['range', 'range', 'cooperative-sticky'])
  const second = await crew.restartAll(['cooperative-sticky'])
  assert.deepEqual([...new Set(second)], ['cooperative-sticky'])

  for (const { heard } of crew.members.values()) heard.length = 0
  const late = crew.group.member('late', { partitionAssignors: ['cooperative-sticky'] })
  await crew.group.advance(SETTLE_MS)
  const revoked = [...crew.members.values()].flatMap((one) => one.told('revoked'))
  assert.ok(revoked.length <= 2, `what moves is what the newcomer gets: ${revoked.join()}`)
  await crew.group.world.run(late.close())
  await crew.group.advance(SETTLE_MS)

  const third = await crew.restartAll(['cooperative-sticky', 'range'])
  assert.deepEqual([...new Set(third)], ['cooperative-sticky'])
  const fourth = await crew.restartAll(['range'])
  assert.equal(fourth.at(-1), 'range')
  assert.deepEqual(crew.troubles, [])
  await crew.end()
})

test('sticky gives most of it back, although everybody gives up everything', async () => {
  const crew = await Crew.start(22, ['sticky'])
  assert.deepEqual(crew.sizes, [2, 2, 2])
  const before = new Map([...crew.members].map(([name, { owned }]) => [name, new Set(owned)]))
  const late = crew.group.member('late', { partitionAssignors: ['sticky'] })
  await crew.group.advance(SETTLE_MS)
  let kept = 0
  for (const [name, { owned }] of crew.members) {
    for (const partition of owned) if (before.get(name)?.has(partition) === true) kept++
  }
  assert.equal(kept, 6 - late.owned.size)
  await crew.group.world.run(late.close())
  await crew.group.advance(SETTLE_MS)
  assert.deepEqual(crew.sizes, [2, 2, 2])
  assert.deepEqual(crew.troubles, [])
  await crew.end()
})
