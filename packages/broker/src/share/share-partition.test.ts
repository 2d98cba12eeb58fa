import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import fc from 'fast-check'
import { readProducedBatch } from '../log/batch-header.ts'
import { PartitionLog } from '../log/partition-log.ts'
import { batchOf } from '../virtual-cluster.test-kit.ts'
import { acknowledgementError } from './acknowledgement-check.ts'
import { SharePartition } from './share-partition.ts'
import {
  ACKNOWLEDGE,
  type AcquireOptions,
  NO_SHARE_SNAPSHOT,
  type ShareChange,
  type ShareLimits,
  type ShareSnapshot,
} from './share-record.ts'

const LIMITS: ShareLimits = { lockDurationMs: 30_000, deliveryCountLimit: 5, maxRecordLocks: 2000 }

class ShareUnderTest {
  readonly log = new PartitionLog()
  readonly changes: ShareChange[] = []
  limits = LIMITS
  now = 0
  snapshot: ShareSnapshot = NO_SHARE_SNAPSHOT
  share: SharePartition

  /** Batches of so many records each. */
  constructor(...sizes: readonly number[]) {
    for (const size of sizes) this.append(size)
    this.share = this.#open()
  }

  append(size: number): void {
    const bytes = batchOf({ values: Array.from({ length: size }, (_, index) => `${index}`) })
    const header = readProducedBatch(bytes, { maxMessageBytes: 1_000_000, allowsZstd: true })
    if ('errorCode' in header) throw new Error(header.message)
    this.log.append(bytes, header, { leaderEpoch: 0, logAppendTime: -1 })
  }

  /** The next leader: what was written down is all it has. */
  reload(): void {
    this.share = this.#open()
  }

  #open(): SharePartition {
    return new SharePartition({
      log: this.log,
      snapshot: this.snapshot,
      initialOffset: 0,
      onChange: (change) => this.changes.push(change),
      persist: (snapshot) => {
        this.snapshot = snapshot
      },
    })
  }

  acquire(memberId: string, more: Partial<AcquireOptions> = {}) {
    const acquired = this.share.acquire({
      memberId,
      now: this.now,
      maxRecords: 500,
      maxBytes: 1_000_000,
      batchSize: 500,
      isRecordLimit: false,
      atLeastOne: true,
      limits: this.limits,
      ...more,
    })
    return acquired.ranges.map(({ firstOffset, lastOffset, deliveryCount }) => [
      ...[firstOffset, lastOffset, deliveryCount],
    ])
  }

  acknowledge(memberId: string, firstOffset: number, lastOffset: number, ...types: number[]) {
    const { now, limits } = this
    const batches = [{ firstOffset, lastOffset, acknowledgeTypes: types }]
    return this.share.acknowledge(memberId, batches, { now, limits })
  }

  expire(): boolean {
    return this.share.expireLocks(this.now, this.limits)
  }
}

const { accept, release, reject, renew, gap } = ACKNOWLEDGE

describe('a share partition', () => {
  test('hands every record to one member at a time', () => {
    const under = new ShareUnderTest(3, 2)
    assert.deepEqual(under.acquire('a', { maxRecords: 2 }), [[0, 2, 1]])
    assert.deepEqual(under.acquire('b'), [[3, 4, 1]])
    assert.deepEqual(under.acquire('c'), [])
  })

  test('returns at most maxRecords in the strict mode', () => {
    const under = new ShareUnderTest(3, 2)
    const strict = { isRecordLimit: true, maxRecords: 2 }
    assert.deepEqual(under.acquire('a', strict), [[0, 1, 1]])
    assert.deepEqual(under.acquire('b', strict), [
      [2, 2, 1],
      [3, 3, 1],
    ])
    assert.deepEqual(under.acquire('c', strict), [[4, 4, 1]])
  })

  test('splits ranges at batches that reach the batch size', () => {
    const under = new ShareUnderTest(2, 2, 2, 2)
    assert.deepEqual(under.acquire('a', { batchSize: 3 }), [
      [0, 3, 1],
      [4, 7, 1],
    ])
  })

  test('keeps to bytes, but for a first batch that must get through', () => {
    const under = new ShareUnderTest(2, 2)
    assert.deepEqual(under.acquire('a', { maxBytes: 1 }), [[0, 1, 1]])
    assert.deepEqual(under.acquire('a', { maxBytes: 1, atLeastOne: false }), [])
  })

  test('moves its start over what is done with, and no further', () => {
    const under = new ShareUnderTest(4)
    under.acquire('a')
    assert.equal(under.acknowledge('a', 1, 3, accept, reject, gap), 0)
    assert.equal(under.share.startOffset, 0)
    assert.equal(under.acknowledge('a', 0, 0, accept), 0)
    assert.equal(under.share.startOffset, 4)
    assert.equal(under.share.records.size, 0)
    under.append(1)
    assert.deepEqual(under.acquire('b'), [[4, 4, 1]])
  })

  test('redelivers released records, with one delivery more', () => {
    const under = new ShareUnderTest(3)
    under.acquire('a')
    assert.equal(under.acknowledge('a', 0, 2, accept, release, accept), 0)
    assert.deepEqual(under.acquire('b'), [[1, 1, 2]])
    assert.equal(under.share.startOffset, 1)
  })

  test('takes acknowledgements only of the owner, and all of them or none', () => {
    const under = new ShareUnderTest(2, 2)
    under.acquire('a', { maxRecords: 1 })
    under.acquire('b')
    assert.equal(under.acknowledge('a', 0, 2, accept), ErrorCode.INVALID_RECORD_STATE)
    assert.equal(under.share.records.get(0)?.state, 'acquired')
    assert.equal(under.acknowledge('a', 0, 1, accept), 0)
    assert.equal(under.acknowledge('a', 1, 1, accept), 0, 'what is before the start is no matter')
    assert.equal(under.acknowledge('b', 9, 9, accept), ErrorCode.INVALID_REQUEST)
  })

  test('releases expired locks, and refuses late acknowledgements', () => {
    const under = new ShareUnderTest(2)
    under.acquire('a')
    under.now = 29_999
    assert.equal(under.expire(), false)
    under.now = 30_000
    assert.equal(under.share.nextExpiry, 30_000)
    assert.equal(under.expire(), true)
    assert.equal(under.acknowledge('a', 0, 1, accept), ErrorCode.INVALID_RECORD_STATE)
    assert.deepEqual(under.acquire('b'), [[0, 1, 2]])
  })

  test('locks for longer what is renewed', () => {
    const under = new ShareUnderTest(2)
    under.acquire('a')
    under.now = 20_000
    assert.equal(under.acknowledge('a', 0, 0, renew), 0)
    under.now = 40_000
    under.expire()
    assert.equal(under.acknowledge('a', 0, 0, accept), 0)
    assert.equal(under.share.records.get(1)?.state, 'available')
  })

  test('archives a record after its last delivery', () => {
    const under = new ShareUnderTest(1)
    under.limits = { ...LIMITS, deliveryCountLimit: 2 }
    under.acquire('a')
    under.acknowledge('a', 0, 0, release)
    assert.deepEqual(under.acquire('a'), [[0, 0, 2]])
    under.now = 60_000
    under.expire()
    assert.deepEqual(under.acquire('a'), [])
    assert.equal(under.share.startOffset, 1)
    assert.deepEqual(
      under.changes.map(({ what }) => what),
      ['acquired', 'released', 'acquired', 'exhausted', 'expired'],
    )
  })

  test('releases the records of a member whose session ended', () => {
    const under = new ShareUnderTest(2)
    under.acquire('a')
    assert.equal(under.share.releaseAll('a', under.limits), true)
    assert.equal(under.share.releaseAll('a', under.limits), false)
    assert.deepEqual(under.acquire('b'), [[0, 1, 2]])
  })

  test('keeps records that failed often away from others', () => {
    const under = new ShareUnderTest(4, 1)
    const fail = () => {
      under.now += 40_000
      under.expire()
    }
    under.acquire('a', { maxRecords: 1 })
    fail()
    under.acquire('a', { maxRecords: 1 })
    fail()
    assert.deepEqual(under.acquire('a', { maxRecords: 1 }), [[0, 3, 3]])
    fail()
    assert.deepEqual(under.acquire('a'), [[0, 1, 4]])
    assert.deepEqual(under.acquire('b'), [[2, 2, 4]])
    assert.deepEqual(under.acquire('b'), [[3, 3, 4]])
    assert.deepEqual(under.acquire('b'), [[4, 4, 1]])
    fail()
    assert.deepEqual(under.acquire('a'), [[0, 0, 5]])
    assert.deepEqual(under.acquire('a'), [[1, 1, 5]])
  })

  test('hands out no more than may be in flight, but again what is free', () => {
    const under = new ShareUnderTest(1, 1, 1)
    under.limits = { ...LIMITS, maxRecordLocks: 2 }
    assert.deepEqual(under.acquire('a'), [[0, 1, 1]])
    assert.deepEqual(under.acquire('b'), [])
    under.acknowledge('a', 1, 1, release)
    assert.deepEqual(under.acquire('b'), [[1, 1, 2]])
    under.acknowledge('a', 0, 0, accept)
    assert.deepEqual(under.acquire('c'), [[2, 2, 1]])
  })

  test('follows a log that loses its start or its end', () => {
    const under = new ShareUnderTest(2, 2, 2)
    under.acquire('a')
    under.log.expireBefore(2)
    assert.deepEqual(under.acquire('b'), [])
    assert.equal(under.share.startOffset, 2)
    under.log.truncateTo(4)
    assert.deepEqual(under.acquire('b'), [])
    under.append(1)
    assert.deepEqual(under.acquire('b'), [[4, 4, 1]])
  })

  test('the next leader knows what was decided, and no locks', () => {
    const under = new ShareUnderTest(4)
    under.acquire('a')
    under.reload()
    assert.deepEqual(under.acquire('a'), [[0, 3, 1]], 'nothing was ever written down')
    under.acknowledge('a', 0, 1, accept)
    under.acknowledge('a', 2, 2, release)
    under.acquire('a')
    under.reload()
    assert.equal(under.share.startOffset, 2)
    assert.equal(under.acknowledge('a', 3, 3, accept), ErrorCode.INVALID_RECORD_STATE)
    assert.deepEqual(under.acquire('b'), [
      [2, 2, 2],
      [3, 3, 1],
    ])
  })
})

test('acknowledgements must be in order, complete and of a known kind', () => {
  const check = (isRenewAck: boolean, ...batches: readonly [number, number, number[]][]) =>
    acknowledgementError(
      batches.map(([firstOffset, lastOffset, acknowledgeTypes]) => ({
        ...{ firstOffset, lastOffset, acknowledgeTypes },
      })),
      { isRenewAck },
    )
  assert.equal(check(false, [0, 2, [1]], [3, 4, [1, 2]]), 0)
  assert.equal(check(true, [0, 0, [4]]), 0)
  for (const batch of [
    [0, 0, [4]],
    [0, 0, []],
    [1, 0, [1]],
    [0, 2, [1, 1]],
    [0, 0, [-1]],
  ] as [number, number, number[]][]) {
    assert.equal(check(false, batch), ErrorCode.INVALID_REQUEST)
  }
  assert.equal(check(false, [0, 2, [1]], [2, 3, [1]]), ErrorCode.INVALID_REQUEST)
})

const action = fc.oneof(
  fc.record({ do: fc.constant('append' as const), size: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('acquire' as const), who: fc.nat(2), strict: fc.boolean() }),
  fc.record({ do: fc.constant('acknowledge' as const), who: fc.nat(2), type: fc.nat(4) }),
  fc.record({ do: fc.constant('releaseAll' as const), who: fc.nat(2) }),
  fc.record({ do: fc.constantFrom('wait' as const, 'expireStart' as const) }),
)

test('a record is with one member at most, and is delivered until it is done with', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 50 }), (actions) => {
      const under = new ShareUnderTest(3)
      under.limits = { ...LIMITS, deliveryCountLimit: 3, maxRecordLocks: 6 }
      const has = new Map<number, string>()
      for (const one of actions) {
        const member = 'who' in one ? `member-${one.who}` : ''
        const mine = [...has].filter(([, owner]) => owner === member).map(([offset]) => offset)
        switch (one.do) {
          case 'append':
            under.append(one.size)
            break
          case 'acquire':
            for (const [first = 0, last = -1, count = 0] of under.acquire(member, {
              isRecordLimit: one.strict,
              maxRecords: 2,
            })) {
              assert.ok(count <= 3)
              for (let offset = first; offset <= last; offset++) {
                assert.equal(has.get(offset), undefined, `${offset} is with somebody already`)
                has.set(offset, member)
              }
            }
            break
          case 'acknowledge': {
            const [offset] = mine
            if (offset === undefined) break
            assert.equal(under.acknowledge(member, offset, offset, one.type), 0)
            if (one.type !== renew) has.delete(offset)
            break
          }
          case 'releaseAll':
            under.share.releaseAll(member, under.limits)
            for (const offset of mine) has.delete(offset)
            break
          case 'wait':
            under.now += 40_000
            under.expire()
            has.clear()
            break
          case 'expireStart': {
            const start = under.log.logStartOffset + 1
            if (start > under.log.endOffset) break
            under.log.expireBefore(start)
            for (const offset of [...has.keys()]) if (offset < start) has.delete(offset)
            break
          }
        }
        const delivered = [...under.share.records.values()].filter(
          ({ state, deliveryCount }) => state !== 'done' && deliveryCount > 0,
        )
        // The limit, and what was left of a batch (of 4 at most) that was handed out in part.
        assert.ok(delivered.length <= 6 + 3)
      }
      for (let round = 0; round < 200; round++) {
        under.now += 40_000
        under.expire()
        for (const [first = 0, last = -1] of under.acquire('last')) {
          assert.equal(under.acknowledge('last', first, last, accept), 0)
        }
      }
      assert.equal(under.share.startOffset, under.log.endOffset, 'nothing is left over')
    }),
  )
})
