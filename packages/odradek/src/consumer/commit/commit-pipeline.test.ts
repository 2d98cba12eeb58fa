import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import type { Cluster } from '../../cluster/cluster.ts'
import { ConnectionError, UsageError } from '../../errors/errors.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import type { EffectiveConsumerOptions } from '../options/consumer-options.ts'
import type { Membership, ConsumerGroupMetadata } from '../../groups/shell/membership.ts'
import { PartitionReader } from '../partition/partition-state.ts'
import { CommitPipeline } from './commit-pipeline.ts'

interface Commit {
  readonly at: number
  readonly generation: number
  /** By partition. */
  readonly offsets: Readonly<Record<number, number>>
}

type Answer = (commit: Commit) => Promise<Readonly<Record<number, number>>> | Record<number, number>

const TOPIC_AUTHORIZATION_FAILED = 29
const LOADING = 14
const REBALANCING = 27

const CONTEXT = { commitMode: 'automatic', carryOut: () => undefined } as const

/** A pipeline whose coordinator answers as the story says, in virtual time. */
class Bench {
  readonly world: VirtualWorld
  readonly sent: Commit[] = []
  readonly readers = new Set<PartitionReader>()
  readonly refusals: string[] = []
  readonly pipeline: CommitPipeline
  stamp: ConsumerGroupMetadata | undefined = {
    groupId: 'g',
    memberId: 'm',
    groupInstanceId: null,
    generationIdOrMemberEpoch: 1,
  }
  timersSet = 0

  constructor(world: VirtualWorld, answer: Answer) {
    this.world = world
    const { environment } = world.process('member')
    const { timers, clock, random } = environment
    const counted = {
      clear: (timer: Parameters<typeof timers.clear>[0]) => timers.clear(timer),
      set: (delayMs: number, callback: () => void) => {
        this.timersSet++
        return timers.set(delayMs, callback)
      },
    }
    const cluster = {
      environment: { clock, random, timers: counted },
      options: { requestTimeoutMs: 30_000, retryBackoffMs: 100, retryBackoffMaxMs: 1000 },
      forgetCoordinator: () => undefined,
      requestCoordinator: async (...[, , , body]: [string, string, unknown, Body]) => {
        const { generationIdOrMemberEpoch: generation, topics } = body(8)
        const partitions = topics[0]?.partitions ?? []
        const offsets = Object.fromEntries(
          partitions.map(({ partitionIndex, committedOffset }) => [
            partitionIndex,
            committedOffset,
          ]),
        )
        const commit = { at: world.now, generation, offsets }
        this.sent.push(commit)
        const codes = await answer(commit)
        const answers = Object.entries(codes).map(([index, errorCode]) => ({
          partitionIndex: Number(index),
          errorCode,
        }))
        return { topics: [{ name: 'orders', partitions: answers }] }
      },
    }
    this.pipeline = new CommitPipeline(
      cluster as unknown as Cluster,
      { groupId: 'g', enableAutoCommit: false } as EffectiveConsumerOptions,
      new TypedEmitter(),
      this.readers,
      () => this.#membership,
    )
  }

  get #membership(): Membership {
    const membership = {
      stamp: this.stamp,
      isSessionAlive: () => true,
      handleStampRefused: (error: { code: string }) => void this.refusals.push(error.code),
    }
    return membership as unknown as Membership
  }

  /** A partition of which everything before an offset is processed. */
  reader(partition: number, offset: number): PartitionReader {
    const reader = new PartitionReader(
      { topic: 'orders', partition, topicId: '' },
      undefined,
      CONTEXT,
    )
    reader.startAt(0, -1)
    reader.commit.noteCommitted(0)
    reader.lineage.tracker.passTo(offset)
    this.readers.add(reader)
    return reader
  }

  flush(readers: Iterable<PartitionReader> = this.readers, withinMs = 60_000): Promise<void> {
    return this.pipeline.flush(readers, this.world.now + withinMs)
  }
}

type Body = (version: number) => {
  readonly generationIdOrMemberEpoch: number
  readonly topics: readonly {
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly committedOffset: number
    }[]
  }[]
}

function story(name: string, answer: Answer, play: (bench: Bench) => Promise<void>): void {
  test(name, async () => {
    const world = new VirtualWorld({ seed: 1 })
    await world.run(async () => {
      const bench = new Bench(world, (commit) => answer.call(bench, commit))
      await play(bench)
      bench.pipeline.close(new UsageError('closed'))
    })
  })
}

const allWell = (commit: Commit): Record<number, number> =>
  Object.fromEntries(Object.keys(commit.offsets).map((partition) => [partition, 0]))

story(
  'a partition that is refused lets the others of its flush go on, and is told in the end',
  (commit) => ({ 0: TOPIC_AUTHORIZATION_FAILED, 1: commit.at < 50 ? LOADING : 0 }),
  async (bench) => {
    bench.reader(0, 5)
    const other = bench.reader(1, 7)
    await assert.rejects(bench.flush(), { code: 'TOPIC_AUTHORIZATION_FAILED' })
    assert.equal(other.commit.offset, 7)
  },
)

story(
  'a partition that is lost lets the others of its flush go on',
  (commit) => (commit.at < 50 ? { 0: LOADING, 1: LOADING } : allWell(commit)),
  async (bench) => {
    const lost = bench.reader(0, 5)
    const other = bench.reader(1, 7)
    const flushing = bench.flush()
    lost.end('lost')
    bench.readers.delete(lost)
    bench.pipeline.forget(lost)
    await assert.rejects(flushing, { code: 'COMMIT_FAILED' })
    assert.equal(other.commit.offset, 7)
    assert.deepEqual(bench.sent.at(-1)?.offsets, { 1: 7 })
  },
)

story(
  'a partition that the answer leaves out is not committed, and asked for again',
  (commit) => (commit.at < 50 ? { 1: 0 } : allWell(commit)),
  async (bench) => {
    const forgotten = bench.reader(0, 5)
    bench.reader(1, 7)
    await bench.flush()
    assert.equal(forgotten.commit.offset, 5)
    assert.deepEqual(
      bench.sent.map(({ offsets }) => offsets),
      [{ 0: 5, 1: 7 }, { 0: 5 }],
    )
  },
)

story(
  'overlapping commits: one under way at a time, the next built when it is sent',
  async (commit) => {
    await Promise.resolve()
    return allWell(commit)
  },
  async (bench) => {
    const reader = bench.reader(0, 5)
    const first = bench.flush()
    reader.lineage.tracker.passTo(6)
    const second = bench.flush()
    reader.lineage.tracker.passTo(9)
    await Promise.all([first, second])
    assert.deepEqual(
      bench.sent.map(({ offsets }) => offsets[0]),
      [5, 9],
    )
  },
)

story(
  'S4 what meets a join is parked, and built anew under the new generation for what is still ours',
  (commit) => (commit.generation === 1 ? { 0: REBALANCING, 1: REBALANCING } : allWell(commit)),
  async (bench) => {
    bench.reader(0, 5)
    const gone = bench.reader(1, 7)
    const [ours] = [...bench.readers]
    const flushing = bench.flush([ours as PartitionReader])
    await bench.world.sleep(10)
    assert.deepEqual(bench.refusals, ['REBALANCE_IN_PROGRESS'])
    await bench.pipeline.park(bench.world.now + 1000)
    gone.end('revoked')
    bench.readers.delete(gone)
    const before = bench.sent.length
    await bench.world.sleep(20_000)
    assert.equal(bench.sent.length, before)
    bench.stamp = { ...(bench.stamp as ConsumerGroupMetadata), generationIdOrMemberEpoch: 2 }
    bench.pipeline.unpark()
    await flushing
    assert.deepEqual(bench.sent.at(-1), {
      at: bench.sent.at(-1)?.at,
      generation: 2,
      offsets: { 0: 5 },
    })
  },
)

story(
  'S8 without a generation nothing is sent, and nothing is asked again and again meanwhile',
  () => {
    throw new ConnectionError('cut', 'established')
  },
  async (bench) => {
    bench.reader(0, 5)
    bench.flush().catch(() => undefined)
    await bench.world.sleep(1000)
    const sent = bench.sent.length
    bench.stamp = undefined
    await bench.pipeline.park(bench.world.now + 1000)
    await bench.world.sleep(60_000)
    assert.equal(bench.sent.length, sent)
    assert.ok(bench.timersSet < 20, `${bench.timersSet} timers`)
  },
)
