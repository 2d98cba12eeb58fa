/**
 * A real Apache Kafka for tests: one broker or three, each a process of its own that can be
 * stopped, killed, paused and started again. Ready means that every broker's port accepts and that
 * its Metadata lists all of them; logs are for people, nothing parses them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Certificates, certificates } from './certificates.ts'
import { classpath } from './jars.ts'
import { CACHE } from './java.ts'
import { probeBrokers } from './probe.ts'
import { type NodePorts, serverProperties } from './properties.ts'

export interface KafkaOptions {
  /** `4.4.0` (the default), `4.0.1` or `3.9.2`. */
  readonly version?: string
  /** One broker (the default) or three. */
  readonly brokers?: 1 | 3
  /** Server properties by Kafka's names, over the harness's own. */
  readonly properties?: Readonly<Record<string, string | number>>
  /** Features for `kafka-storage format`, for instance `transaction.version=1`. */
  readonly features?: readonly string[]
}

interface Node {
  readonly nodeId: number
  readonly ports: NodePorts
  readonly folder: string
  process: ChildProcess | undefined
}

const JVM = ['-Xms128m', '-Xmx768m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const START_TIMEOUT_MS = 60_000

export class KafkaCluster {
  readonly version: string
  readonly certificates: Certificates
  readonly #nodes: readonly Node[]
  readonly #folder: string

  private constructor(version: string, folder: string, nodes: readonly Node[]) {
    this.version = version
    this.#folder = folder
    this.#nodes = nodes
    this.certificates = certificates()
  }

  static async start(options: KafkaOptions = {}): Promise<KafkaCluster> {
    const version = options.version ?? '4.4.0'
    const count = options.brokers ?? 1
    const folder = join(CACHE, 'brokers', `${process.pid}-${Date.now()}`)
    const nodes: Node[] = []
    const free = await freePorts(count * 5)
    for (let nodeId = 1; nodeId <= count; nodeId++) {
      const [plaintext, controller, saslPlaintext, ssl, saslSsl] = free.splice(0, 5) as [
        number,
        number,
        number,
        number,
        number,
      ]
      const ports = { plaintext, controller, saslPlaintext, ssl, saslSsl }
      nodes.push({ nodeId, ports, folder: join(folder, String(nodeId)), process: undefined })
    }
    const cluster = new KafkaCluster(version, folder, nodes)
    cluster.#format(options)
    try {
      for (const node of nodes) cluster.#spawn(node)
      await cluster.ready()
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  /** The plaintext listeners; `bootstrap('saslPlaintext')` and so on for the others. */
  get bootstrapServers(): string {
    return this.bootstrap('plaintext')
  }

  bootstrap(listener: Exclude<keyof NodePorts, 'controller'>): string {
    return this.#nodes.map((node) => `127.0.0.1:${node.ports[listener]}`).join(',')
  }

  get nodeIds(): readonly number[] {
    return this.#nodes.map((node) => node.nodeId)
  }

  /** What a broker printed so far. */
  log(nodeId: number): string {
    return readFileSync(join(this.#node(nodeId).folder, 'console.log'), 'utf8')
  }

  /** Resolves once all started brokers know each other. */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS
    const running = this.#nodes.filter((node) => node.process !== undefined)
    for (const node of running) {
      for (;;) {
        if (node.process === undefined || node.process.exitCode !== null) {
          throw new Error(`Broker ${node.nodeId} ended while it started:\n${this.#tail(node)}`)
        }
        const known = await probeBrokers('127.0.0.1', node.ports.plaintext).catch(() => 0)
        if (known >= running.length) break
        if (Date.now() > deadline) {
          throw new Error(`Broker ${node.nodeId} is not ready:\n${this.#tail(node)}`)
        }
        await sleep(50)
      }
    }
  }

  /** SIGTERM: the broker hands its leaderships over first. */
  async stop(nodeId: number): Promise<void> {
    await this.#end(this.#node(nodeId), 'SIGTERM')
  }

  /** SIGKILL: gone without a word. */
  async kill(nodeId: number): Promise<void> {
    await this.#end(this.#node(nodeId), 'SIGKILL')
  }

  pause(nodeId: number): void {
    this.#node(nodeId).process?.kill('SIGSTOP')
  }

  resume(nodeId: number): void {
    this.#node(nodeId).process?.kill('SIGCONT')
  }

  /** Starts a stopped or killed broker on its old port and its old log, and waits for it. */
  async restart(nodeId: number): Promise<void> {
    const node = this.#node(nodeId)
    if (node.process === undefined) this.#spawn(node)
    await this.ready()
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => this.#end(node, 'SIGKILL')))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #node(nodeId: number): Node {
    const node = this.#nodes.find((candidate) => candidate.nodeId === nodeId)
    if (node === undefined) throw new Error(`There is no broker ${nodeId}.`)
    return node
  }

  #format(options: KafkaOptions): void {
    const voters = this.#nodes
      .map((node) => `${node.nodeId}@127.0.0.1:${node.ports.controller}`)
      .join(',')
    const java = (...args: string[]): string =>
      execFileSync('java', ['-cp', classpath(`kafka-${this.version}`), ...JVM, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    const clusterId = java('kafka.tools.StorageTool', 'random-uuid').trim().split('\n').at(-1) ?? ''
    for (const node of this.#nodes) {
      mkdirSync(node.folder, { recursive: true })
      writeFileSync(
        join(node.folder, 'server.properties'),
        serverProperties({
          nodeId: node.nodeId,
          ports: node.ports,
          voters,
          logFolder: join(node.folder, 'log'),
          certificateFolder: this.certificates.folder,
          brokerCount: this.#nodes.length,
          overrides: options.properties ?? {},
        }),
      )
      writeFileSync(join(node.folder, 'log4j2.properties'), LOG4J)
      java(
        ...['kafka.tools.StorageTool', 'format', '-t', clusterId],
        ...['-c', join(node.folder, 'server.properties')],
        ...['--add-scram', 'SCRAM-SHA-256=[name=alice,password=alice-secret]'],
        ...['--add-scram', 'SCRAM-SHA-512=[name=alice,password=alice-secret]'],
        ...(options.features ?? []).flatMap((feature) => ['--feature', feature]),
      )
    }
  }

  #spawn(node: Node): void {
    const output = openSync(join(node.folder, 'console.log'), 'a')
    const child = spawn(
      'java',
      [
        ...JVM,
        '-Djava.awt.headless=true',
        `-Dlog4j2.configurationFile=${join(node.folder, 'log4j2.properties')}`,
        ...['-cp', classpath(`kafka-${this.version}`)],
        ...['kafka.Kafka', join(node.folder, 'server.properties')],
      ],
      { stdio: ['ignore', output, output] },
    )
    closeSync(output)
    node.process = child
    forgetWithParent(child)
  }

  async #end(node: Node, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = node.process
    if (child === undefined) return
    node.process = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    if (signal === 'SIGKILL') child.kill('SIGCONT')
    child.kill(signal)
    await exited
  }

  #tail(node: Node): string {
    return this.log(node.nodeId).split('\n').slice(-30).join('\n')
  }
}

const LOG4J = `rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1}: %m%n
`

/** A broker must not outlive the test that started it, however the test ends. */
function forgetWithParent(child: ChildProcess): void {
  const end = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', end)
  child.once('exit', () => process.removeListener('exit', end))
}

/** Ports that were free a moment ago, below the range from which the system picks its own. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  let candidate = 17_000 + Math.floor(Math.random() * 13_000)
  while (ports.length < count) {
    candidate++
    if (await isFree(candidate)) ports.push(candidate)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
