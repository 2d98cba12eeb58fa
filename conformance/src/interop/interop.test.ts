/**
 * One group of Odradek and other people's clients on a real Kafka: they share partitions evenly, at
 * rest no generation follows the last join, and every record is seen, whoever leads.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka } from 'odradek'
import { whyNoJava } from '../kafka/java.ts'
import { KafkaCluster } from '../kafka/kafka-cluster.ts'
import { type GroupPlace, type Member, OurMember, PeerMember } from './member.ts'
import { PEERS, type Peer, prepare } from './peers.ts'

const PARTITIONS = 12
const RECORDS = 600
const SETTLE_TIMEOUT_MS = 45_000
/** Nothing may happen for so long: several heartbeats of everybody. */
const REST_MS = 2000
const POLL_MS = 50

const whyNoKafka = whyNoJava() ?? false
const programs = new Map<Peer, readonly [string, ...string[]]>()
let cluster: KafkaCluster | undefined

class Group {
  readonly #place: GroupPlace
  readonly members: Member[] = []
  readonly #all: Member[] = []
  #written = 0

  private constructor(place: GroupPlace) {
    this.#place = place
  }

  static async make(strategy: string): Promise<Group> {
    const bootstrapServers = cluster?.bootstrapServers ?? ''
    const kafka = new Kafka({ bootstrapServers })
    const topic = `mixed-${strategy}`
    await kafka.admin().createTopics({ [topic]: { partitions: PARTITIONS } })
    await kafka.close()
    return new Group({ bootstrapServers, groupId: topic, topic, strategy })
  }

  async write(): Promise<void> {
    const { bootstrapServers, topic } = this.#place
    const kafka = new Kafka({ bootstrapServers })
    const producer = kafka.producer()
    const records = Array.from({ length: RECORDS }, (_, i) => ({
      partition: i % PARTITIONS,
      value: '.',
    }))
    await producer.send(topic, records)
    await kafka.close()
    this.#written += RECORDS
  }

  join(who: Peer | string): Member {
    const member =
      typeof who === 'string'
        ? new OurMember(who, this.#place)
        : new PeerMember(who.name, programs.get(who) ?? ['false'], this.#place)
    this.members.push(member)
    this.#all.push(member)
    return member
  }

  async leave(member: Member): Promise<void> {
    this.members.splice(this.members.indexOf(member), 1)
    await member.leave()
  }

  get shares(): string {
    return this.members
      .map(({ name, owned }) => `${name}: ${[...owned].sort((a, b) => a - b).join(',')}`)
      .join('; ')
  }

  get #isEven(): boolean {
    const all = this.members.flatMap(({ owned }) => [...owned])
    const sizes = this.members.map(({ owned }) => owned.size)
    const isWhole = all.length === PARTITIONS && new Set(all).size === PARTITIONS
    return isWhole && Math.max(...sizes) - Math.min(...sizes) <= 1
  }

  get #generation(): number | undefined {
    return this.members.find(({ generationId }) => generationId !== undefined)?.generationId
  }

  /** Waits until everybody has an even share, and nothing has happened for a while. */
  async settle(): Promise<void> {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS
    let since = Date.now()
    let before = ''
    for (;;) {
      const now = `${this.#generation} ${this.shares}`
      if (now !== before || !this.#isEven) since = Date.now()
      before = now
      if (Date.now() - since >= REST_MS) return
      this.#checkHealth()
      assert.ok(Date.now() < deadline, `no rest: generation ${now}`)
      await sleep(POLL_MS)
    }
  }

  #checkHealth(): void {
    for (const { name, failures } of this.#all) assert.deepEqual(failures, [], name)
  }

  async seeEverything(): Promise<void> {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS
    const count = (): number => new Set(this.#all.flatMap(({ seen }) => [...seen])).size
    while (count() < this.#written && Date.now() < deadline) await sleep(POLL_MS)
    assert.equal(count(), this.#written, `records seen (${this.shares})`)
    this.#checkHealth()
  }

  async end(): Promise<void> {
    await Promise.all([...this.members].map((member) => this.leave(member)))
  }
}

/** Eager members of franz-go and Sarama send no (or an empty) memory to the leader. */
function tellsWhatItHad(name: string, strategy: string): boolean {
  if (strategy === 'sticky') return name === 'Java' || name.startsWith('odradek')
  return strategy === 'cooperative-sticky'
}

async function mix(strategy: string, peers: readonly Peer[]): Promise<void> {
  const group = await Group.make(strategy)
  try {
    await group.write()
    // Ours is there first, and leads.
    const first = group.join('odradek-1')
    await group.settle()
    for (const peer of peers) group.join(peer)
    await group.settle()
    await group.seeEverything()

    // One of the others leaves: ours gives away what it had, and nothing else if it is sticky.
    const peer = peers.at(-1)
    const leaving = group.members.find(({ name }) => name === peer?.name)
    if (peer !== undefined && leaving !== undefined) {
      await group.leave(leaving)
      const before = new Map(group.members.map((one) => [one, [...one.owned]]))
      await group.settle()
      for (const [{ name, owned }, had] of before) {
        if (!tellsWhatItHad(name, strategy)) continue
        assert.ok(
          had.every((one) => owned.has(one)),
          `${name} had ${had.join()}: ${group.shares}`,
        )
      }
      group.join(peer)
    }
    // Ours leaves: one of the others leads, and ours come back to follow.
    await group.leave(first)
    await group.settle()
    group.join('odradek-2')
    group.join('odradek-3')
    await group.settle()
    await group.write()
    await group.seeEverything()
  } finally {
    await group.end()
  }
}

suite('one group with other clients', { skip: whyNoKafka, concurrency: 3 }, () => {
  const missing = new Map<Peer, string>()
  for (const peer of whyNoKafka === false ? PEERS : []) {
    const program = prepare(peer)
    if (typeof program === 'string') missing.set(peer, program)
    else programs.set(peer, program)
  }
  for (const [peer, reason] of missing) test(`with ${peer.name}`, { skip: reason })

  before(async () => {
    cluster = await KafkaCluster.start()
  })
  after(async () => {
    await cluster?.close()
  })

  for (const strategy of ['cooperative-sticky', 'range', 'sticky']) {
    const peers = [...programs.keys()].filter((one) => one.strategies.includes(strategy))
    const names = peers.map(({ name }) => name).join(', ')
    test(`${strategy}: Odradek, ${names}`, { timeout: 240_000 }, () => mix(strategy, peers))
  }
})
