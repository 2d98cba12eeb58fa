/** Tables as Markdown: readable in a terminal, and fit for the README as they are. */
import { figuresOf, type Row, type ScenarioResult } from './result.ts'
import type { Spread } from './statistics.ts'

const HEAD = [
  'client',
  'CPU s per million',
  '(min-max)',
  'records/s',
  '(min-max)',
  'first record ms',
  'peak RSS MB',
  'whole process CPU s',
  'runtime',
]
/** The first column and the last hold words, the others figures. */
const isText = (column: number): boolean => column === 0 || column === HEAD.length - 1

export function tableOf({ scenario, records, rows }: ScenarioResult): string {
  const measured = rows.filter((row) => row.measurements.length > 0)
  const lines = measured
    .map((row) => ({ row, cpu: figuresOf(row).cpuSecondsPerMillion.median }))
    .sort((a, b) => a.cpu - b.cpu)
    .map(({ row }) => cellsOf(row))
  const failures = rows.flatMap((row) =>
    // The rest of it was said when it happened.
    row.failures.map((failure) => `${nameOf(row)} failed: ${failure.split('\n')[0]}`),
  )
  const runs = Math.max(0, ...rows.map(({ measurements }) => measurements.length))
  const size = `${records.toLocaleString('en-US')} records, median of ${runs}`
  const title = `### ${scenario.title} (${size})`
  const table = lines.length > 0 ? ['', ...layOut([HEAD, ...lines])] : []
  return [title, ...table, ...failures.flatMap((line) => ['', line])].join('\n')
}

function nameOf({ client, variant }: Row): string {
  return `${client.name} ${variant.label}`
}

function cellsOf(row: Row): readonly string[] {
  const { client, variant, measurements } = row
  const [first] = measurements
  const figures = figuresOf(row)
  const { cpuSecondsPerMillion, recordsPerSecond, firstRecordMs } = figures
  const { peakRssMegabytes, processCpuSeconds } = figures
  return [
    `${client.name} ${first?.version ?? ''} \`${variant.label}\``,
    cpuSecondsPerMillion.median.toFixed(2),
    range(cpuSecondsPerMillion, (value) => value.toFixed(2)),
    rate(recordsPerSecond.median),
    range(recordsPerSecond, rate),
    firstRecordMs.median > 0 ? firstRecordMs.median.toFixed(0) : '',
    peakRssMegabytes.median.toFixed(0),
    processCpuSeconds.median.toFixed(1),
    first?.runtime ?? '',
  ]
}

/** 4,612,345 as `4.61 M`, 84,321 as `84 k`, 3,127 as `3.1 k`. */
function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`
  return `${(perSecond / 1e3).toFixed(perSecond >= 1e4 ? 0 : 1)} k`
}

function range({ min, max }: Spread, format: (value: number) => string): string {
  return `${format(min)}-${format(max)}`
}

function layOut(lines: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) =>
    Math.max(...lines.map((cells) => (cells[column] ?? '').length)),
  )
  const laid = lines.map((cells) => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? ''
      return isText(column) ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  })
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [laid[0] ?? '', `| ${rule.join(' | ')} |`, ...laid.slice(1)]
}
