/**
 * Four partitions of one member that do not move, each for a reason of its own: no broker leads it,
 * a transaction before it does not end, it is paused, its handler does not come back. Whatever else
 * the member reads must flow, within a buffer that the fourth alone could fill, and the group must
 * not notice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ChaosScenario,
  type Expectation,
  expectation,
  noRebalance,
} from '../chaos-scenario.ts'
import type { ChaosStage, Protocol } from '../chaos-stage.ts'

const PARTITIONS = 18
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition)
/** On a broker that has nothing else of the topic; nobody has a second replica of anything. */
const LEADERLESS = 0
const TROUBLE_MS = 120_000
const PROGRESS_TIMEOUT_MS = 10_000
const AFTERMATH_MS = 25_000
const MAX_BUFFERED_BYTES = 1_048_576
/** Four times the whole buffer, of one partition. */
const BURST = { records: 2000, bytes: 2000 }
const MAX_GAP_MS = 5000

/** What is wrong with which partition, all of them of one member. */
interface Trouble {
  readonly actor: string
  readonly hangingTransaction: number
  readonly paused: number
  readonly processing: number
  readonly from: number
  readonly to: number
}

class OpenTransaction {
  readonly #producer
  readonly #settled: Promise<void>
  #end: () => void = () => undefined

  constructor({ client, topic }: ChaosStage, partition: number) {
    this.#producer = client.producer({ transactionalId: 'ledger', transactionTimeoutMs: 600_000 })
    const abort = new Error('It has hung for long enough.')
    this.#settled = this.#producer
      .transaction(async (tx) => {
        await tx.send(topic, { value: 'never committed', partition })
        await new Promise<void>((resolve) => {
          this.#end = resolve
        })
        throw abort
      })
      .catch((error: unknown) => {
        if (error !== abort) throw error
      })
  }

  async abort(): Promise<void> {
    this.#end()
    await this.#settled
    await this.#producer.close()
  }
}

async function play(stage: ChaosStage): Promise<Trouble> {
  const { kafka, writer } = stage
  // Not all of them have a key.
  writer.only(ALL)
  const [actor = '', owned = []] =
    [...stage.owned()].find(([, its]) => its.some(({ partition }) => partition === LEADERLESS)) ??
    []
  const others = owned.flatMap(({ partition }) => (partition === LEADERLESS ? [] : [partition]))
  const [hangingTransaction = -1, paused = -1, processing = -1] = others
  const member = stage.member(actor)
  const lonely = await stage.leaderOf(LEADERLESS)
  const from = stage.at
  stage.fault(
    `a transaction in partition ${hangingTransaction} is opened, and not ended`,
    TROUBLE_MS,
  )
  const transaction = new OpenTransaction(stage, hangingTransaction)
  stage.fault(`${actor} pauses partition ${paused}`)
  member.order(`pause ${paused}`)
  stage.fault(`the next handler of partition ${processing} does not come back`)
  member.order(`hold ${processing}`)
  await sleep(1000)
  const { records, bytes } = BURST
  stage.fault(`${records} records of ${bytes} bytes are written to it`)
  writer.burst({ partition: processing, ...BURST })
  await sleep(2000)
  writer.only(ALL.filter((partition) => partition !== LEADERLESS))
  await sleep(500)
  stage.fault(`kill -9 of broker ${lonely}, which has partition ${LEADERLESS} alone`, TROUBLE_MS)
  await kafka.kill(lonely)
  await sleep(TROUBLE_MS)
  const to = stage.at
  stage.fault('the broker starts again, and everything else is put right', AFTERMATH_MS)
  await transaction.abort()
  member.order(`resume ${paused}`)
  member.order('release')
  await kafka.restart(lonely)
  writer.only(ALL)
  await sleep(AFTERMATH_MS)
  await stage.settle()
  return { actor, hangingTransaction, paused, processing, from, to }
}

/** The longest time without a delivery of each partition, while the four stood still. */
function gapsOf(stage: ChaosStage, { from, to }: Trouble): ReadonlyMap<number, number> {
  const last = new Map<number, number>()
  const gaps = new Map<number, number>()
  const note = (partition: number, at: number): void => {
    const gap = at - (last.get(partition) ?? from)
    gaps.set(partition, Math.max(gaps.get(partition) ?? 0, gap))
    last.set(partition, at)
  }
  for (const event of stage.events) {
    if (event.type !== 'delivered' || event.at < from || event.at > to) continue
    note(event.partition, event.at)
  }
  for (const partition of ALL) note(partition, to)
  return gaps
}

function expectVerdicts(stage: ChaosStage, trouble: Trouble): readonly Expectation[] {
  const { actor, hangingTransaction, paused, processing, from, to } = trouble
  const expected = { leaderNotAvailable: LEADERLESS, hangingTransaction, paused, processing }
  const troubled: readonly number[] = Object.values(expected)
  const statuses = Object.entries(expected).map(([status, partition]) => {
    const told = stage.statuses.filter((one) => one.actor === actor && one.partition === partition)
    const words = told.map((one) => `${one.status} after ${((one.at - from) / 1000).toFixed(0)} s`)
    const isOver = told[1]?.status === 'resumed' || told[1]?.status === 'idle'
    return expectation(
      `partition ${partition} is told as ${status}, then that this is over, and as nothing else`,
      told[0]?.status === status && isOver && told.length === 2,
      words.join(', '),
    )
  })
  const gaps = gapsOf(stage, trouble)
  const owned = stage.owned(to).get(actor) ?? []
  const own = owned.flatMap(({ partition: one }) => (troubled.includes(one) ? [] : [one]))
  const rest = [...gaps.keys()].filter((one) => !troubled.includes(one))
  const longest = (among: readonly number[]): number =>
    Math.max(...among.map((one) => gaps.get(one) ?? 0))
  const others = stage.statuses.filter(({ partition }) => !troubled.includes(partition))
  return [
    ...statuses,
    expectation(
      'the rest flows',
      longest(rest) < MAX_GAP_MS && others.length === 0,
      `${rest.length} partitions, at most ${Math.round(longest(rest))} ms without a delivery; ` +
        `${own.length} of them at ${actor}, ${Math.round(longest(own))} ms; ` +
        `${others.length} statuses`,
    ),
  ]
}

const fourVerdicts = (protocol: Protocol): ChaosScenario => {
  let trouble: Trouble | undefined
  return {
    name: `four-statuses-${protocol}`,
    text: `Of one member's partitions one is leaderless for ${TROUBLE_MS / 1000} s, one behind an open transaction, one paused, and one has a handler that does not come back, with four times the buffer behind it (${protocol}).`,
    stage: {
      ...{ brokers: 3, protocol, style: 'partitions' },
      layout: (coordinator, [lonely = -1, other = -1]) => [
        [lonely],
        ...Array.from({ length: PARTITIONS - 1 }, (_, index) =>
          index % 2 === 0 ? [coordinator] : [other],
        ),
      ],
      configs: { 'min.insync.replicas': 1 },
      consumer: {
        isolationLevel: 'read_committed',
        progressTimeoutMs: PROGRESS_TIMEOUT_MS,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
      },
    },
    async play(stage) {
      trouble = await play(stage)
    },
    expect: (stage, figures) =>
      trouble === undefined ? [] : [noRebalance(figures), ...expectVerdicts(stage, trouble)],
  }
}

export const FOUR_VERDICTS: readonly ChaosScenario[] = [
  fourVerdicts('classic'),
  fourVerdicts('consumer'),
]
