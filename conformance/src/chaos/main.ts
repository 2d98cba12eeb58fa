/**
 * Real brokers and real processes are hurt, and the promises are judged on what was seen:
 *
 *   npm run chaos --workspace conformance                     lists the scenarios
 *   npm run chaos --workspace conformance -- all              plays all of them
 *   npm run chaos --workspace conformance -- stop-member ...  those whose names begin so
 *
 * `--history FILE` keeps the histories, for people.
 */
import { appendFileSync } from 'node:fs'
import { formatEvent } from '@odradek/simulation'
import { whyNoJava } from '../kafka/java.ts'
import { reportOf, summaryOf } from './report.ts'
import { type ChaosResult, isGood, runScenario } from './run-scenario.ts'
import { SCENARIOS } from './scenarios/index.ts'

const given = process.argv.slice(2)
const flag = given.indexOf('--history')
const [, historyFile] = flag < 0 ? [] : given.splice(flag, 2)
const chosen = SCENARIOS.filter(({ name }) =>
  given.some((one) => one === 'all' || name.startsWith(one)),
)
const missing = whyNoJava()
if (missing !== undefined) {
  process.stderr.write(`${missing}\n`)
  process.exitCode = 1
} else if (chosen.length === 0) {
  const list = SCENARIOS.map(({ name, text }) => `${name}\n    ${text}\n`).join('')
  process.stdout.write(`${list}\nSay which (the beginning of a name is enough), or all.\n`)
  if (given.length > 0) process.exitCode = 2
} else await play()

async function play(): Promise<void> {
  const results: ChaosResult[] = []
  for (const scenario of chosen) {
    process.stderr.write(`${scenario.name}\n`)
    const result = await runScenario(scenario)
    results.push(result)
    process.stdout.write(`${reportOf(result)}\n`)
    if (historyFile === undefined) continue
    const lines = result.stage.events.map((event) => `${formatEvent(event)}\n`).join('')
    appendFileSync(historyFile, `${scenario.name}\n${lines}\n`)
  }
  if (results.length > 1) process.stdout.write(summaryOf(results))
  if (!results.every(isGood)) process.exitCode = 1
}
