/** Any client's member of a group as a process: what it says, and what is done to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PEERS, prepare } from '../../interop/peers.ts'

export interface Client {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const script = (name: string): readonly [string, ...string[]] => [
  process.execPath,
  fileURLToPath(new URL(`./${name}`, import.meta.url)),
]

/** Those that can be built here; the others say why not. */
export function clients(onMissing: (reason: string) => void): readonly Client[] {
  const found: Client[] = [
    { name: 'Odradek', command: script('odradek-member.js') },
    { name: 'KafkaJS', command: script('kafkajs-member.js') },
  ]
  for (const peer of PEERS) {
    const command = prepare(peer)
    if (typeof command === 'string') onMissing(`${peer.name}: ${command}`)
    else found.push({ name: peer.name, command })
  }
  return found
}

export interface PeerPlace {
  readonly bootstrapServers: string
  readonly groupId: string
  readonly topic: string
  readonly start: 'earliest' | 'latest'
}

const LEAVE_TIMEOUT_MS = 20_000
const POLL_MS = 20

export class PeerProcess {
  /** Offsets read, by partition, each with the time at which it was first read. */
  readonly read = new Map<string, number>()
  readonly failures: string[] = []
  owned: readonly number[] = []
  /** How often it was told what it has. */
  assignments = 0
  isUnblocked = false
  isBlocking = false
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor({ command: [program, ...args] }: Client, place: PeerPlace) {
    const { bootstrapServers, groupId, topic, start } = place
    const given = [...args, bootstrapServers, groupId, topic, 'range', start]
    const child = spawn(program, given, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    })
    this.#process = child
    this.#ended = once(child, 'exit')
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    child.stdin.on('error', () => undefined)
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.removeListener('exit', kill))
  }

  #hear(line: string): void {
    const [what, ...rest] = line.split(' ')
    const text = rest.join(' ')
    if (what === 'record' && !this.read.has(text)) this.read.set(text, Date.now())
    else if (what === 'failed') this.failures.push(text)
    else if (what === 'blocking') this.isBlocking = true
    else if (what === 'unblocked') this.isUnblocked = true
    else if (what === 'assigned') {
      this.assignments++
      this.owned = text === '' ? [] : text.split(',').map(Number)
    }
  }

  /** Whether it came about within so long. */
  async until(isSo: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs
    while (!isSo()) {
      if (Date.now() > deadline) return false
      await sleep(POLL_MS)
    }
    return true
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name)
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  async leave(): Promise<void> {
    this.#process.stdin?.end()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), LEAVE_TIMEOUT_MS)
    await this.#ended
    clearTimeout(timer)
  }
}
