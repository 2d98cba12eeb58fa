/** Installs and builds what the peers need, when it is needed: none of it is the workspace's. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from './clients.ts'
import { CACHE, PEERS } from './folders.ts'

/** Makes the clients ready; the answer says why some of them cannot be measured. */
export function preparePeers(clients: readonly Client[]): ReadonlyMap<Client, string> {
  const skipped = new Map<Client, string>()
  if (clients.some(({ isPeer, runtime }) => isPeer && runtime === 'node')) installPeers()
  for (const client of clients) {
    if (client.runtime !== 'go') continue
    const reason = buildGo(client)
    if (reason !== undefined) skipped.set(client, reason)
  }
  return skipped
}

export function goProgram(client: Client): string {
  return join(CACHE, 'go', client.program)
}

function installPeers(): void {
  const mark = join(PEERS, 'node_modules', '.package-lock.json')
  const lock = join(PEERS, 'package-lock.json')
  if (existsSync(mark) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs) return
  process.stderr.write('Installing the peers ...\n')
  // One of them wants a newer Node than may run this; it is measured on one that it supports.
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], {
    cwd: PEERS,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function buildGo(client: Client): string | undefined {
  if (spawnSync('go', ['version']).status !== 0) {
    return `${client.name} is skipped: Go is not installed.`
  }
  mkdirSync(join(CACHE, 'go'), { recursive: true })
  const built = spawnSync('go', ['build', '-o', goProgram(client), '.'], {
    cwd: join(PEERS, client.program),
    encoding: 'utf8',
  })
  if (built.status === 0) return undefined
  return `${client.name} is skipped: it could not be built.\n${built.stderr}`
}
