/**
 * A program of `main.ts` as a process: what it has read, what it has, and what it is made to do.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export type Command = readonly [program: string, ...args: string[]]

const POLL_MS = 50
const TIMEOUT_MS = 60_000

export class Program {
  /** Of each partition so many different records were read. */
  readonly read = new Map<number, Set<number>>()
  owned: readonly number[] = []
  hasSought = false
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor([program, ...args]: Command) {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    this.#process = child
    this.#ended = once(child, 'exit')
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    child.stdin.on('error', () => undefined)
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.removeListener('exit', kill))
  }

  #hear(line: string): void {
    const [what, first = '', second = ''] = line.split(' ')
    if (what === 'assigned') this.owned = first === '' ? [] : first.split(',').map(Number)
    else if (what === 'sought') this.hasSought = true
    else if (what === 'record') {
      const partition = Number(first)
      const offsets = this.read.get(partition) ?? new Set()
      this.read.set(partition, offsets.add(Number(second)))
    }
  }

  get readCount(): number {
    return [...this.read.values()].reduce((sum, { size }) => sum + size, 0)
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS
    while (!isSo()) {
      if (Date.now() > deadline) throw new Error(`It did not come to this: ${what}.`)
      await sleep(POLL_MS)
    }
  }

  seek(offset: number): Promise<void> {
    this.#process.stdin?.write(`seek ${offset}\n`)
    return this.until(() => this.hasSought, 'a seek')
  }

  async close(): Promise<void> {
    this.#process.stdin?.end()
    await this.#ended
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}
