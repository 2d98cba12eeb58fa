/**
 * Whole responses with numbers that are well-formed and make no sense, fed to running clients of
 * every kind. Whatever the numbers: the client neither blocks nor spins, what it reports is an
 * error of its own and no blame on the caller, and when the responses make sense again it recovers.
 * `every-forgery.js` plays each forgery by itself, which takes minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { Chance } from '../plans/chance.ts'
import { KINDS } from './clients.test-kit.ts'
import { apisOf, forgeriesOf, type Forgery } from './forge.test-kit.ts'
import { playForged } from './forged-play.test-kit.ts'

const SEEDS = 60
/** A healthy client of this play sends at most 15; 43 % of a core were some 15,000. */
const MOST_REQUESTS_PER_SECOND = 60
/** Everything that happens: timers, deliveries of bytes, in the client, its broker and a writer. */
const MOST_STEPS_PER_SECOND = 600

function forgeriesFor(chance: Chance, kind: (typeof KINDS)[number]): readonly Forgery[] {
  return chance.some(apisOf(kind), 3).map((api) => chance.pick(forgeriesOf(api)))
}

for (let seed = 1; seed <= SEEDS; seed++) {
  const chance = new Chance(new VirtualWorld({ seed }).process('forger').environment.random)
  const kind = KINDS[seed % KINDS.length] as (typeof KINDS)[number]
  const forgeries = forgeriesFor(chance, kind)
  const isForgedFromTheStart = chance.percent(40)
  const names = forgeries.map(({ name }) => name).join(', ')
  const when = isForgedFromTheStart ? 'from its first request on' : 'while it runs'
  test(`S34 absurd numbers, seed ${seed}: ${kind}, ${when}: ${names}`, async () => {
    const play = await playForged({ kind, forgeries, isForgedFromTheStart })
    assert.ok(play.wasHealthy, 'it worked before')
    assert.ok(
      play.requestsPerSecond <= MOST_REQUESTS_PER_SECOND,
      `${play.requestsPerSecond} requests a second`,
    )
    assert.ok(play.stepsPerSecond <= MOST_STEPS_PER_SECOND, `${play.stepsPerSecond} steps a second`)
    assert.deepEqual(play.unclearErrors, [])
    assert.ok(play.hasRecovered || forgeries.some(({ isPlausible }) => isPlausible), 'it recovers')
  })
}
