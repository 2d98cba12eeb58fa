/** A result for people: what was done, what was seen, the verdict, as Markdown. */
import { type ChaosResult, isGood } from './run-scenario.ts'

const ms = (given: number): string =>
  given < 1000 ? `${Math.round(given)} ms` : `${(given / 1000).toFixed(1)} s`

const TOLD = 'lost, and told as lost'
const OLDER = 'older than the start of a group that begins at the end'
/** Rows that most scenarios do not have. */
const RARE: ReadonlySet<string> = new Set([TOLD, OLDER])

export function reportOf(result: ChaosResult): string {
  const { scenario, figures, done, expectations, violations, tookMs } = result
  const { stepsBack } = figures
  const counted: [string, string | number][] = [
    ['records acknowledged', figures.acknowledged],
    ['lost without a word', figures.lost],
    [TOLD, figures.toldAsLost],
    [OLDER, figures.olderThanStart],
    ['delivered again', figures.duplicates],
    ['generation before, after', `${figures.generationBefore}, ${figures.generationAfter}`],
    ['rebalances after the first fault', figures.rebalances],
    ['members told that partitions are lost', figures.losses],
    ['longest time without a delivery', ms(figures.longestGapMs)],
    ['longest wait of a record', ms(figures.longestWaitMs)],
    ['commits accepted', figures.commits],
    ['commits that went back', stepsBack.length],
  ]
  const rows = counted.filter(([name, value]) => value !== 0 || !RARE.has(name))
  for (const { what, seen, isMet } of expectations) {
    rows.push([`expected: ${what}`, `${isMet ? 'yes' : 'NO'} (${seen})`])
  }
  const verdict = isGood(result) ? 'all promises kept' : `${violations.length} violations`
  return [
    `### ${scenario.name}`,
    '',
    `${scenario.text} (${ms(tookMs)})`,
    '',
    ...done.map((line) => `    ${line}`),
    '',
    '| seen | |',
    '|---|---|',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    `| **verdict** | **${verdict}** |`,
    ...(violations.length === 0 ? [] : ['', ...violations.map((line) => `- ${line}`)]),
    ...stepsBack.map(
      ({ at, partition, from, to, repairedAfterMs }) =>
        `- at ${ms(at)} partition ${partition} was committed at ${from}, then at ${to}; ` +
        (repairedAfterMs === null ? 'never put right' : `put right after ${ms(repairedAfterMs)}`),
    ),
    '',
  ].join('\n')
}

/** One line per scenario. */
export function summaryOf(results: readonly ChaosResult[]): string {
  const head = '| scenario | lost | again | rebalances | longest gap | commits back | verdict |'
  const lines = results.map((result) => {
    const { figures: f } = result
    const cells = [
      result.scenario.name,
      ...[f.lost, f.duplicates, f.rebalances, ms(f.longestGapMs), f.stepsBack.length],
      isGood(result) ? 'kept' : 'BROKEN',
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [head, '|---|--:|--:|--:|--:|--:|---|', ...lines, ''].join('\n')
}
