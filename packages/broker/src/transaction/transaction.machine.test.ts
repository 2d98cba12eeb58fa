import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import fc from 'fast-check'
import { transition, verificationError } from './transaction.machine.ts'
import {
  type Answer,
  type Effect,
  type Event,
  isExhausted,
  participantKey,
  participantsOf,
  type State,
} from './transaction.ts'

const PARTITION = { kind: 'partition', topic: 'orders', partition: 0 } as const
const GROUP = { kind: 'group', groupId: 'billing' } as const
const KEYS = [participantKey(PARTITION), participantKey(GROUP)]
const TIMEOUT_MS = 60_000

/** One transactional id, and what its coordinator was told to do. */
class Story {
  state: State | undefined
  now = 0
  freshProducerId = 7n
  effects: readonly Effect[] = []

  tell(event: Event): Answer | undefined {
    const { now, freshProducerId } = this
    const step = transition(this.state, event, { now, freshProducerId })
    this.state = step.state
    this.effects = step.effects
    if (this.does('takeProducerId')) this.freshProducerId++
    return step.effects.find((effect) => effect.do === 'answer')?.answer
  }

  does(name: Effect['do']): boolean {
    return this.effects.some((effect) => effect.do === name)
  }

  init(expected: { producerId: bigint; producerEpoch: number } | null = null) {
    return this.tell({ type: 'init', timeoutMs: TIMEOUT_MS, expected })
  }

  add(version: 1 | 2, identity = this.identity, participants = [PARTITION, GROUP]) {
    return this.tell({
      type: 'add',
      ...identity,
      participants: participantsOf(participants),
      isSecondVersion: version === 2,
    })
  }

  end(version: 1 | 2, isCommit: boolean, identity = this.identity) {
    return this.tell({ type: 'end', ...identity, isCommit, isSecondVersion: version === 2 })
  }

  mark(keys: readonly string[] = KEYS): void {
    this.tell({ type: 'markersWritten', keys })
  }

  get identity() {
    const { producerId = -1n, producerEpoch = -1 } = this.state ?? {}
    return { producerId, producerEpoch }
  }

  get phase(): string | undefined {
    return this.state?.phase.name
  }
}

function begun(version: 1 | 2): Story {
  const story = new Story()
  story.init()
  story.add(version)
  return story
}

describe('a transactional id', () => {
  test('it is unknown before it is initialised', () => {
    const story = new Story()
    assert.equal(story.add(1)?.errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    assert.equal(story.end(1, true)?.errorCode, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    assert.deepEqual(story.init(), { errorCode: 0, producerId: 7n, producerEpoch: 0 })
    assert.deepEqual(story.init(), { errorCode: 0, producerId: 7n, producerEpoch: 1 })
  })

  test('its time begins with the first participant and ends with the decision', () => {
    const story = new Story()
    story.init()
    story.add(1)
    assert.deepEqual(story.effects[0], { do: 'setTimeout', afterMs: TIMEOUT_MS })
    story.add(1, story.identity, [{ ...PARTITION, topic: 'others' } as never])
    assert.equal(story.does('setTimeout'), false)
    assert.equal(story.end(1, true)?.errorCode, ErrorCode.NONE)
    assert.ok(story.does('clearTimeout') && story.does('writeMarkers'))
  })

  test('is complete once every participant has a marker; until then no transaction begins', () => {
    const story = begun(1)
    story.end(1, true)
    for (const answer of [story.init(), story.add(1), story.end(1, true)]) {
      assert.equal(answer?.errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    }
    assert.equal(story.end(1, false)?.errorCode, ErrorCode.INVALID_TXN_STATE)
    story.mark(KEYS.slice(1))
    assert.equal(story.phase, 'PrepareCommit')
    story.mark(KEYS.slice(0, 1))
    assert.equal(story.phase, 'CompleteCommit')
    assert.equal(story.end(1, true)?.errorCode, ErrorCode.NONE, 'repeated')
    assert.equal(story.end(1, false)?.errorCode, ErrorCode.INVALID_TXN_STATE)
  })

  test('a second producer aborts the open transaction and fences the first producer', () => {
    const story = begun(1)
    const zombie = story.identity
    assert.equal(story.init()?.errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    assert.equal(story.phase, 'PrepareAbort')
    story.mark()
    assert.deepEqual(story.init(), { errorCode: 0, producerId: 7n, producerEpoch: 2 })
    assert.equal(story.add(1, zombie)?.errorCode, ErrorCode.PRODUCER_FENCED)
    assert.equal(story.end(1, true, zombie)?.errorCode, ErrorCode.PRODUCER_FENCED)
    assert.equal(story.init(zombie)?.errorCode, ErrorCode.PRODUCER_FENCED)
  })

  test('a timeout aborts under a new epoch; a late timer does nothing', () => {
    const story = begun(1)
    story.tell({ type: 'timedOut' })
    assert.deepEqual([story.phase, story.identity.producerEpoch], ['PrepareAbort', 1])
    const { state } = story
    story.tell({ type: 'timedOut' })
    assert.equal(story.state, state)
  })

  test('a producer that continues after an error gets the next epoch, and the same one when it retries', () => {
    const story = new Story()
    story.init()
    const before = story.identity
    assert.equal(story.init(before)?.producerEpoch, 1)
    assert.equal(story.init(before)?.producerEpoch, 1)
    story.init()
    assert.equal(story.init(before)?.errorCode, ErrorCode.PRODUCER_FENCED)
  })

  test('of the second version: every end has an epoch of its own, by which it is known again', () => {
    const story = begun(2)
    const before = story.identity
    assert.deepEqual(story.end(2, true), { errorCode: 0, producerId: 7n, producerEpoch: 1 })
    assert.equal(story.end(2, true, before)?.errorCode, ErrorCode.CONCURRENT_TRANSACTIONS)
    story.mark()
    assert.deepEqual(story.end(2, true, before), { errorCode: 0, producerId: 7n, producerEpoch: 1 })
    assert.equal(story.end(2, false, before)?.errorCode, ErrorCode.INVALID_TXN_STATE)
    // Under the current epoch it is another transaction, with nothing in it.
    assert.equal(story.end(2, true)?.errorCode, ErrorCode.INVALID_TXN_STATE)
    assert.equal(story.end(2, false)?.producerEpoch, 2)
    story.mark([])
    assert.equal(story.phase, 'CompleteAbort')
  })

  test('another producer id follows when epochs run out, and the end before it is known again', () => {
    const story = new Story()
    story.init()
    assert.ok(story.state !== undefined)
    story.state = { ...story.state, producerEpoch: 0x7ffe }
    story.add(2)
    const before = story.identity
    assert.deepEqual(story.end(2, true), { errorCode: 0, producerId: 8n, producerEpoch: 0 })
    assert.equal(story.identity.producerId, 7n, 'markers are of the old id')
    story.mark()
    assert.deepEqual(story.identity, { producerId: 8n, producerEpoch: 0 })
    assert.deepEqual(story.end(2, true, before), { errorCode: 0, ...story.identity })
    const old = new Story()
    old.init()
    assert.ok(old.state !== undefined)
    old.state = { ...old.state, producerEpoch: 0x7ffe }
    assert.deepEqual(old.init(), { errorCode: 0, producerId: 8n, producerEpoch: 0 })
  })

  test('a new coordinator continues with the remaining timeout, or with the markers', () => {
    const story = begun(1)
    story.now = 50_000
    story.tell({ type: 'loaded' })
    assert.deepEqual(story.effects, [{ do: 'setTimeout', afterMs: 10_000 }])
    story.end(1, false)
    story.tell({ type: 'loaded' })
    assert.deepEqual(story.effects, [{ do: 'writeMarkers' }])
  })

  test('a write is verified by its producer, its epoch and its announcement', () => {
    const story = begun(1)
    const verify = (more = {}, key = KEYS[0] ?? '') =>
      verificationError(story.state, { ...story.identity, ...more }, key)
    assert.equal(verify(), ErrorCode.NONE)
    assert.equal(verify({ producerId: 9n }), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    assert.equal(verify({ producerEpoch: 9 }), ErrorCode.PRODUCER_FENCED)
    assert.equal(verify({}, 'another'), ErrorCode.TRANSACTION_ABORTABLE)
    story.end(1, true)
    assert.equal(verify(), ErrorCode.CONCURRENT_TRANSACTIONS)
  })
})

test('random events: one response per request, epochs and ids only grow, decisions are final', () => {
  const events = fc.array(
    fc.record({
      kind: fc.constantFrom('init', 'initAsCurrent', 'add', 'end', 'mark', 'time', 'load' as const),
      version: fc.constantFrom<(1 | 2)[]>(1, 2),
      isCommit: fc.boolean(),
      isOld: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(events, fc.constantFrom(0, 0x7ff8), (list, startEpoch) => {
      const story = new Story()
      story.init()
      assert.ok(story.state !== undefined)
      story.state = { ...story.state, producerEpoch: startEpoch }
      let before = story.identity
      for (const { kind, version, isCommit, isOld } of list) {
        const { identity, state } = story
        const used = isOld ? before : identity
        const answer = tell(story, kind, { version, isCommit, used })
        const isRequest = ['init', 'initAsCurrent', 'add', 'end'].includes(kind)
        assert.equal(answer !== undefined, isRequest)
        const now = story.identity
        assert.ok(now.producerId >= identity.producerId)
        const isSameId = now.producerId === identity.producerId
        if (isSameId) assert.ok(now.producerEpoch >= identity.producerEpoch)
        assert.ok(now.producerEpoch <= 0x7fff)
        const was = state?.phase.name ?? ''
        if (was === 'PrepareCommit') assert.match(story.phase ?? '', /Commit$/)
        if (was === 'PrepareAbort') assert.match(story.phase ?? '', /Abort$/)
        if (story.phase === 'Ongoing') assert.ok(!isExhausted(now.producerEpoch) || startEpoch > 0)
        if (now.producerEpoch !== identity.producerEpoch) before = identity
      }
    }),
  )
})

function tell(
  story: Story,
  kind: string,
  {
    version,
    isCommit,
    used,
  }: {
    version: 1 | 2
    isCommit: boolean
    used: { producerId: bigint; producerEpoch: number }
  },
): Answer | undefined {
  switch (kind) {
    case 'init':
      return story.init()
    case 'initAsCurrent':
      return story.init(used)
    case 'add':
      return story.add(version, used)
    case 'end':
      return story.end(version, isCommit, used)
    case 'mark':
      return story.mark() as undefined
    case 'time':
      return story.tell({ type: 'timedOut' })
    default:
      return story.tell({ type: 'loaded' })
  }
}
