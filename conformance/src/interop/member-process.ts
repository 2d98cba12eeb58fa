/** Any client's member of a group as a process that writes what happens to it, line by line. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type Command = readonly [program: string, ...args: string[]]

/** It dies with this process. */
export abstract class MemberProcess {
  owned: readonly number[] = []
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor([program, ...args]: Command) {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    })
    this.#process = child
    this.#ended = once(child, 'exit')
    createInterface({ input: child.stdout }).on('line', (line) => this.#read(line))
    child.stdin.on('error', () => undefined)
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.removeListener('exit', kill))
  }

  #read(line: string): void {
    const [what = '', ...rest] = line.split(' ')
    const text = rest.join(' ')
    if (what === 'assigned') this.owned = text === '' ? [] : text.split(',').map(Number)
    this.onLine(what, text)
  }

  /** Called with the first word of a line, and with the rest. */
  protected abstract onLine(what: string, text: string): void

  protected write(line: string): void {
    this.#process.stdin?.write(`${line}\n`)
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }

  /** Ends its input, which makes the member close; resolves when the process has ended. */
  async close(): Promise<void> {
    this.#process.stdin?.end()
    await this.#ended
  }
}
