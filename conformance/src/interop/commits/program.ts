/**
 * A program of `main.ts` as a process: what it has read, what it has, and what it is made to do.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MemberProcess } from '../member-process.ts'

const POLL_MS = 50
const TIMEOUT_MS = 60_000

export class Program extends MemberProcess {
  /** Of each partition so many different records were read. */
  readonly read = new Map<number, Set<number>>()
  hasSought = false

  protected onLine(what: string, text: string): void {
    if (what === 'sought') this.hasSought = true
    else if (what === 'record') {
      const [partition = -1, offset = -1] = text.split(' ').map(Number)
      const offsets = this.read.get(partition) ?? new Set()
      this.read.set(partition, offsets.add(offset))
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
    this.write(`seek ${offset}`)
    return this.until(() => this.hasSought, 'a seek')
  }
}
