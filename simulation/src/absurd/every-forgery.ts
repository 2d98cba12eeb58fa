/**
 * Plays every forgery by itself and prints what became of it; what is not well is marked.
 *
 *   node simulation/dist/absurd/every-forgery.js [KIND|all] [API|all] [start]
 *
 * With `start` the client meets forged responses from its first request on.
 */
import { type Kind, KINDS } from './clients.test-kit.ts'
import { apisOf, forgeriesOf } from './forge.test-kit.ts'
import { type ForgedPlay, playForged } from './forged-play.test-kit.ts'

const MOST_REQUESTS_PER_SECOND = 60

const [kindWanted = 'all', apiWanted = 'all', when = ''] = process.argv.slice(2)
const isForgedFromTheStart = when === 'start'

function marksOf(play: ForgedPlay, isPlausible: boolean): string {
  const marks = [
    play.requestsPerSecond > MOST_REQUESTS_PER_SECOND ? 'HOT' : '',
    play.hasRecovered || isPlausible ? '' : 'STUCK',
    play.unclearErrors.length > 0 ? 'UNCLEAR' : '',
    play.wasHealthy ? '' : 'SICK',
  ]
  return marks.filter((mark) => mark !== '').join(' ')
}

async function playAll(kind: Kind): Promise<void> {
  for (const api of apisOf(kind)) {
    if (apiWanted !== 'all' && apiWanted !== api) continue
    for (const forgery of forgeriesOf(api)) {
      // Before it is played: a client that hangs would leave nothing else behind.
      process.stdout.write(`${kind}: ${forgery.name}: `)
      const play = await playForged({ kind, forgeries: [forgery], isForgedFromTheStart })
      const [first] = play.unclearErrors.length > 0 ? play.unclearErrors : play.errors
      const error = first instanceof Error ? first.message.slice(0, 200) : ''
      const marks = marksOf(play, forgery.isPlausible)
      process.stdout.write(`${play.hits} hits, ${play.requestsPerSecond}/s ${marks} ${error}\n`)
    }
  }
}

for (const kind of KINDS) if (kindWanted === 'all' || kindWanted === kind) await playAll(kind)
