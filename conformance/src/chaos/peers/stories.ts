/**
 * Three of the field reports, told by every client that runs here, all with the same settings: a
 * session of 10 s, commits every 200 ms, the range assignor. What a client does right is said, too.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { apis, Kafka } from 'odradek'
import { type Client, PeerProcess, type PeerPlace } from './peer-process.ts'

export interface Story {
  readonly name: string
  readonly text: string
  /** One line of the table. */
  tell(client: Client, bootstrapServers: string): Promise<string>
}

const PARTITIONS = 4
const JOIN_TIMEOUT_MS = 30_000
const READ_TIMEOUT_MS = 45_000
const REST_MS = 3000
const BLOCK_MS = 30_000
const OLD = 200
const WHILE_AWAY = 100
const AFTERWARDS = 60

let topics = 0

/** A topic of its own for each telling. */
class Setting {
  readonly #kafka: Kafka
  readonly place: PeerPlace
  readonly #members: PeerProcess[] = []
  readonly #client: Client

  private constructor(kafka: Kafka, client: Client, place: PeerPlace) {
    this.#kafka = kafka
    this.#client = client
    this.place = place
  }

  static async make(
    client: Client,
    bootstrapServers: string,
    start: PeerPlace['start'],
  ): Promise<Setting> {
    topics++
    const topic = `story-${topics}`
    const kafka = new Kafka({ bootstrapServers })
    await kafka.admin().createTopics({ [topic]: { partitions: PARTITIONS } })
    return new Setting(kafka, client, { bootstrapServers, groupId: topic, topic, start })
  }

  /** Gives `partition offset` of each record. */
  async write(count: number): Promise<readonly string[]> {
    const records = Array.from({ length: count }, (_, index) => ({
      partition: index % PARTITIONS,
      value: '.',
    }))
    const receipts = await this.#kafka.producer().send(this.place.topic, records)
    return receipts.map(({ partition, offset }) => `${partition} ${offset}`)
  }

  async tell(value: string, partition: number): Promise<void> {
    await this.#kafka.producer().send(this.place.topic, { value, partition })
  }

  async member(): Promise<PeerProcess> {
    const member = new PeerProcess(this.#client, this.place)
    this.#members.push(member)
    await member.until(() => member.owned.length > 0, JOIN_TIMEOUT_MS)
    return member
  }

  /** Deletes what is before `offset` in every partition; -1 for everything. */
  async deleteRecords(offset: number): Promise<void> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
      partitionIndex,
      offset,
    }))
    const topic = { name: this.place.topic, partitions }
    const request = { topics: [topic], timeoutMs: 10_000 }
    await this.#kafka.request(apis.DeleteRecords, request, { returnErrors: true })
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()))
    await this.#kafka.close()
  }
}

async function withSetting(
  client: Client,
  bootstrapServers: string,
  start: PeerPlace['start'],
  use: (setting: Setting) => Promise<string>,
): Promise<string> {
  const setting = await Setting.make(client, bootstrapServers, start)
  try {
    return await use(setting)
  } finally {
    await setting.close()
  }
}

const countRead = (members: readonly PeerProcess[], wanted: readonly string[]): number =>
  wanted.filter((one) => members.some(({ read }) => read.has(one))).length

const latest: Story = {
  name: 'f4-latest',
  text: `The member starts at "latest" behind ${OLD} records and is closed before anything is written; ${WHILE_AWAY} records are written while it is away; it starts again, and ${AFTERWARDS} more are written. ${WHILE_AWAY + AFTERWARDS} were written since the group first started.`,
  tell: (client, bootstrapServers) =>
    withSetting(client, bootstrapServers, 'latest', async (setting) => {
      await setting.write(OLD)
      const first = await setting.member()
      await sleep(REST_MS)
      await first.leave()
      const away = await setting.write(WHILE_AWAY)
      const second = await setting.member()
      await sleep(REST_MS)
      const afterwards = await setting.write(AFTERWARDS)
      const all = [...away, ...afterwards]
      await second.until(() => countRead([second], all) === all.length, REST_MS * 3)
      const [readAway, readAfter] = [countRead([second], away), countRead([second], afterwards)]
      const skipped = all.length - readAway - readAfter
      return `${readAway} of ${away.length} | ${readAfter} of ${afterwards.length} | ${skipped}`
    }),
}

const blocked: Story = {
  name: 'f5-blocked',
  text: `One of two members computes for ${BLOCK_MS / 1000} s over a record; the session is 10 s.`,
  tell: (client, bootstrapServers) =>
    withSetting(client, bootstrapServers, 'earliest', async (setting) => {
      const first = await setting.member()
      const second = await setting.member()
      const half = PARTITIONS / 2
      const isEven = (): boolean => first.owned.length === half && second.owned.length === half
      if (!(await first.until(isEven, JOIN_TIMEOUT_MS))) return 'no even share | | '
      await sleep(REST_MS)
      const [partition = 0] = first.owned
      const before = second.assignments
      await setting.tell(`block ${BLOCK_MS}`, partition)
      if (!(await first.until(() => first.isBlocking, JOIN_TIMEOUT_MS))) return 'not blocked | | '
      const blockedAt = Date.now()
      const hasTaken = (): boolean => second.owned.length === PARTITIONS
      const isTaken = await second.until(hasTaken, BLOCK_MS - 1000)
      const takenAfter = (Date.now() - blockedAt) / 1000
      await first.until(() => first.isUnblocked, BLOCK_MS)
      await sleep(REST_MS * 2)
      const changed = second.assignments > before ? 'yes' : 'no'
      const verdict = isTaken ? `expelled after ${takenAfter.toFixed(1)} s` : 'stayed a member'
      return `${verdict} | ${changed} | ${first.failures.length + second.failures.length}`
    }),
}

const outOfRange = (start: PeerPlace['start']): Story => ({
  name: `f1-out-of-range-${start}`,
  text: `The member stands still for 3 s; meanwhile ${OLD} records are written, and retention takes the first half of them. Its policy for offsets out of range is "${start}" (Odradek's is "nearest" whatever startFrom says).`,
  tell: (client, bootstrapServers) =>
    withSetting(client, bootstrapServers, start, async (setting) => {
      const member = await setting.member()
      await sleep(REST_MS)
      const begin = await setting.write(PARTITIONS * 5)
      await member.until(() => countRead([member], begin) === begin.length, READ_TIMEOUT_MS)
      await sleep(1000)
      member.signal('SIGSTOP')
      // A fetch that is under way comes back empty, and the next finds its offset gone.
      await sleep(1500)
      const written = await setting.write(OLD)
      await setting.deleteRecords(5 + OLD / PARTITIONS / 2)
      const there = written.slice(OLD / 2)
      await sleep(REST_MS)
      const assignments = member.assignments
      member.signal('SIGCONT')
      const resumedAt = Date.now()
      await sleep(REST_MS)
      const fresh = await setting.write(AFTERWARDS)
      const wanted = [...there, ...fresh]
      await member.until(() => countRead([member], wanted) === wanted.length, READ_TIMEOUT_MS)
      const firstRead = fresh.map((one) => member.read.get(one) ?? Number.POSITIVE_INFINITY)
      const freshAfter = (Math.max(...firstRead) - resumedAt) / 1000
      const skipped = there.length - countRead([member], there)
      const changed = member.assignments > assignments ? 'yes' : 'no'
      const told =
        member.failures.length === 0 ? 'nothing' : `"${member.failures[0]?.slice(0, 70)}"`
      const resumed = Number.isFinite(freshAfter) ? `${freshAfter.toFixed(1)} s` : 'never'
      return `${skipped} of ${there.length} | ${resumed} | ${changed} | ${told}`
    }),
})

export const STORIES: readonly (Story & { readonly columns: string })[] = [
  {
    ...outOfRange('earliest'),
    columns: 'skipped though still there | all new ones read after | assigned anew | told its user',
  },
  {
    ...outOfRange('latest'),
    columns: 'skipped though still there | all new ones read after | assigned anew | told its user',
  },
  { ...latest, columns: 'read of those written while away | of those written after | skipped' },
  { ...blocked, columns: 'the blocked member | assigned anew | errors told' },
]
