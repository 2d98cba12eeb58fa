import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import type { BatchHeader } from './batch-header.ts'
import { lastSequenceOf, ProducerStates } from './producer-state.ts'

const MAX_SEQUENCE = 0x7fff_ffff

function header(baseSequence: number, recordCount = 1, producerEpoch = 0): BatchHeader {
  return {
    recordCount,
    maxTimestamp: 0,
    producerId: 7n,
    producerEpoch,
    baseSequence,
    isTransactional: false,
  }
}

function errorOf(states: ProducerStates, batch: BatchHeader): number | undefined {
  const verdict = states.check(batch)
  return verdict.kind === 'refused' ? verdict.errorCode : undefined
}

test('batches follow each other without a gap', () => {
  const states = new ProducerStates()
  states.remember(header(0, 3), 100, -1)
  assert.equal(states.check(header(3)).kind, 'next')
  assert.equal(errorOf(states, header(4)), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
})

test('the last five batches are known again, with their offsets', () => {
  const states = new ProducerStates()
  for (let sequence = 0; sequence < 6; sequence++) states.remember(header(sequence), sequence, 9)
  const verdict = states.check(header(1))
  assert.ok(verdict.kind === 'duplicate')
  assert.equal(verdict.written.baseOffset, 1)
  assert.equal(verdict.written.logAppendTime, 9)
  assert.equal(errorOf(states, header(0)), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  assert.equal(errorOf(states, header(5, 2)), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
})

test('a new epoch begins at zero; an old one is fenced', () => {
  const states = new ProducerStates()
  states.remember(header(0, 1, 3), 0, -1)
  assert.equal(errorOf(states, header(0, 1, 2)), ErrorCode.INVALID_PRODUCER_EPOCH)
  assert.equal(errorOf(states, header(1, 1, 4)), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  assert.equal(states.check(header(0, 1, 4)).kind, 'next')
  states.remember(header(0, 1, 4), 1, -1)
  assert.equal(states.check(header(1, 1, 4)).kind, 'next')
})

test('an unknown producer may start with any sequence', () => {
  assert.equal(new ProducerStates().check(header(41)).kind, 'next')
})

test('sequences wrap to zero', () => {
  const states = new ProducerStates()
  assert.equal(lastSequenceOf(MAX_SEQUENCE, 2), 0)
  states.remember(header(MAX_SEQUENCE), 0, -1)
  assert.equal(states.check(header(0)).kind, 'next')
})

test('batches without a producer id are not checked', () => {
  const states = new ProducerStates()
  const plain = { ...header(-1), producerId: -1n, producerEpoch: -1 }
  states.remember(plain, 0, -1)
  assert.equal(states.check(plain).kind, 'next')
})
