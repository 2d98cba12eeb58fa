import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace, type Paced } from './pace.ts'

let now = 0
const PACED = {
  options: { retryBackoffMs: 100, retryBackoffMaxMs: 1000 },
  environment: { clock: { monotonic: () => now }, random: { integer: () => 20 } },
} as unknown as Paced

/** The pauses after polls that bring nothing, each sent when the pause before is over. */
function idlePauses(pace: Pace, count: number, roundMs: number, tookMs: number): number[] {
  return Array.from({ length: count }, () => {
    const sentAt = Math.max(now, pace.notBefore)
    now = sentAt + tookMs
    pace.idled(PACED, { sentAt, roundMs })
    return Math.max(0, pace.notBefore - now)
  })
}

test('failures pause as retries do, and progress ends that', () => {
  const pace = new Pace()
  const pauses = [1, 2, 3, 4, 5, 6].map(() => {
    pace.failed(PACED)
    return pace.notBefore - now
  })
  assert.deepEqual(pauses, [100, 200, 400, 800, 1000, 1000])
  pace.progressed()
  assert.ok(pace.notBefore < now)
  pace.failed(PACED)
  assert.equal(pace.notBefore - now, 100)
})

test('what a broker did not wait of a round is waited here, in steps that double', () => {
  assert.deepEqual(idlePauses(new Pace(), 6, 10, 0), [1, 2, 4, 8, 10, 10])
  assert.deepEqual(idlePauses(new Pace(), 11, 500, 2).slice(7), [128, 256, 498, 498])
})

test('a broker that waits for the whole round is asked again at once', () => {
  const pace = new Pace()
  assert.deepEqual(idlePauses(pace, 3, 500, 500), [0, 0, 0])
  assert.deepEqual(idlePauses(pace, 2, 500, 0), [1, 2])
  idlePauses(pace, 1, 500, 500)
  assert.deepEqual(idlePauses(pace, 1, 500, 0), [1])
})
