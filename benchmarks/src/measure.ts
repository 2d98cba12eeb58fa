/** One measurement: one client, one job, one process of its own. */
import { spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import type { Client } from './clients.ts'
import { BENCHMARKS } from './folders.ts'
import { nodeFor } from './nodes.ts'
import { goProgram } from './peers.ts'
import type { Job } from './worker/job.ts'
import { REPORT_MARK, type Report } from './worker/report.ts'

const STDERR_LINES = 12

export interface Measurement extends Report {
  /** The machine's load (one minute) when the process started. */
  readonly load: number
}

export interface MeasureOptions {
  readonly node: string
  readonly timeoutMs: number
}

/** Runs a job and waits for its report; rejects when the process fails or takes too long. */
export async function measure(
  client: Client,
  job: Job,
  options: MeasureOptions,
): Promise<Measurement> {
  const load = loadavg()[0] ?? 0
  const [command, args] =
    client.runtime === 'go'
      ? [goProgram(client), []]
      : [nodeFor(client, options.node).path, [join(BENCHMARKS, client.program)]]
  const output = await run(command, [...args, JSON.stringify(job)], options.timeoutMs)
  const line = output.split('\n').find((candidate) => candidate.startsWith(REPORT_MARK))
  if (line === undefined) throw new Error(`It printed no report:\n${output}`)
  return { ...(JSON.parse(line.slice(REPORT_MARK.length)) as Report), load } // the worker's own
}

async function run(command: string, args: readonly string[], timeoutMs: number): Promise<string> {
  // Options of this process's Node are none of the worker's.
  const env = { ...process.env, NODE_OPTIONS: '' }
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, timeoutMs)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const tail = errors.trim().split('\n').slice(-STDERR_LINES).join('\n')
    if (isLate) throw new Error(`It took more than ${timeoutMs / 1000} s.\n${tail}`)
    if (code !== 0) throw new Error(`${errorLine(errors)} (exit code ${code})\n${tail}`)
    return output
  } finally {
    clearTimeout(timer)
    process.removeListener('exit', end)
  }
}

/** The line of a stack that says what happened. */
function errorLine(errors: string): string {
  const line = errors.split('\n').find((candidate) => /^(\w*Error\b|\w+.*: )/.test(candidate))
  return line?.trim() ?? 'it said nothing'
}
