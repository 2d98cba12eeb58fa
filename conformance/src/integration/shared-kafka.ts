/**
 * One real Kafka for all test files of a run. Every file is a process of its own; the first one
 * starts a keeper (this module, run as a program), which starts the cluster and ends it when the
 * run's own process is gone. A test file that is run by hand keeps a cluster to itself.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CACHE } from '../kafka/java.ts'
import { KafkaCluster } from '../kafka/kafka-cluster.ts'

/** Where the listeners of a cluster are. */
export interface Listeners {
  readonly plaintext: string
  readonly saslPlaintext: string
  readonly ssl: string
  readonly saslSsl: string
}

const START_TIMEOUT_MS = 180_000
const POLL_MS = 100

export function listenersOf(cluster: KafkaCluster): Listeners {
  return {
    plaintext: cluster.bootstrap('plaintext'),
    saslPlaintext: cluster.bootstrap('saslPlaintext'),
    ssl: cluster.bootstrap('ssl'),
    saslSsl: cluster.bootstrap('saslSsl'),
  }
}

/** The run's cluster, started if this is the first to ask. */
export async function sharedKafka(): Promise<Listeners> {
  // Under `node --test` the parent is the run; otherwise this process is.
  const run = process.env['NODE_TEST_CONTEXT'] === undefined ? process.pid : process.ppid
  const folder = join(CACHE, 'shared', String(run))
  mkdirSync(join(folder, '..'), { recursive: true })
  dropAbandoned(folder)
  try {
    mkdirSync(folder)
    startKeeper(run, folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const ready = join(folder, 'listeners.json')
  const failed = join(folder, 'failed')
  for (let waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    if (existsSync(ready)) return JSON.parse(readFileSync(ready, 'utf8')) as Listeners
    if (existsSync(failed)) throw new Error(readFileSync(failed, 'utf8'))
    await sleep(POLL_MS)
  }
  throw new Error(`No Kafka came up within ${START_TIMEOUT_MS} ms; see ${folder}.`)
}

/** A keeper that was killed leaves its folder, and process ids come back. */
function dropAbandoned(folder: string): void {
  const keeper = join(folder, 'keeper.pid')
  if (!existsSync(keeper) || isAlive(Number(readFileSync(keeper, 'utf8')))) return
  rmSync(folder, { recursive: true, force: true })
}

function startKeeper(run: number, folder: string): void {
  const log = openSync(join(folder, 'keeper.log'), 'a')
  const keeper = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), '--keep', String(run), folder],
    { detached: true, stdio: ['ignore', log, log] },
  )
  closeSync(log)
  keeper.unref()
}

async function keep(run: number, folder: string): Promise<void> {
  let cluster: KafkaCluster | undefined
  writeFileSync(join(folder, 'keeper.pid'), String(process.pid))
  try {
    cluster = await KafkaCluster.start()
    const partial = join(folder, 'listeners.partial')
    writeFileSync(partial, JSON.stringify(listenersOf(cluster)))
    renameSync(partial, join(folder, 'listeners.json'))
  } catch (error) {
    writeFileSync(join(folder, 'failed'), error instanceof Error ? error.message : String(error))
  }
  while (isAlive(run)) await sleep(POLL_MS)
  await cluster?.close()
  rmSync(folder, { recursive: true, force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const [flag, run, folder] = process.argv.slice(2)
if (flag === '--keep' && run !== undefined && folder !== undefined) await keep(Number(run), folder)
