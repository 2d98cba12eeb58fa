/** The parent's end of a member process: its lines become events, and it can be hurt. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Line, MemberProgramOptions } from './member-program.ts'

const PROGRAM = fileURLToPath(new URL('./member-program.js', import.meta.url))

/** No member outlives its parent. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class MemberProcess {
  readonly actor: string
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(options: MemberProgramOptions, onLine: (line: Line) => void) {
    this.actor = options.actor
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Warnings of events that nobody listens to are for people; here the table speaks.
      env: { ...process.env, NODE_NO_WARNINGS: '1', NODE_TEST_CONTEXT: undefined },
    })
    this.#process = child
    // Lines that are still in the pipe when the process ends belong to it.
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => onLine(JSON.parse(line) as Line))
    this.#ended = Promise.all([once(child, 'exit'), once(lines, 'close')])
    child.stdin.on('error', () => undefined)
    running.add(child)
    child.once('exit', () => running.delete(child))
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  order(what: string): void {
    this.#process.stdin?.write(`${what}\n`)
  }

  stop(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** Resolves with whether it ended by itself within so long; it is killed otherwise. */
  async close(timeoutMs: number): Promise<boolean> {
    this.order('close')
    let isTooLate = false
    const timer = setTimeout(() => {
      isTooLate = true
      this.#process.kill('SIGKILL')
    }, timeoutMs)
    await this.#ended
    clearTimeout(timer)
    return !isTooLate
  }
}
