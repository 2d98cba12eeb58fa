/** Any client's member of a group as a process: what it says, and what is done to it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Command, MemberProcess } from '../../interop/member-process.ts'
import { PEERS, prepare } from '../../interop/peers.ts'

export interface Client {
  readonly name: string
  readonly command: Command
}

const script = (name: string): Command => [
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

export class PeerProcess extends MemberProcess {
  /** Offsets read, by partition, each with the time at which it was first read. */
  readonly read = new Map<string, number>()
  readonly failures: string[] = []
  /** How often it was told what it has. */
  assignments = 0
  isUnblocked = false
  isBlocking = false

  constructor({ command }: Client, place: PeerPlace) {
    const { bootstrapServers, groupId, topic, start } = place
    super([...command, bootstrapServers, groupId, topic, 'range', start])
  }

  protected onLine(what: string, text: string): void {
    if (what === 'record' && !this.read.has(text)) this.read.set(text, Date.now())
    else if (what === 'failed') this.failures.push(text)
    else if (what === 'blocking') this.isBlocking = true
    else if (what === 'unblocked') this.isUnblocked = true
    else if (what === 'assigned') this.assignments++
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

  /** A member that does not close in time is killed. */
  async leave(): Promise<void> {
    const timer = setTimeout(() => this.signal('SIGKILL'), LEAVE_TIMEOUT_MS)
    await this.close()
    clearTimeout(timer)
  }
}
