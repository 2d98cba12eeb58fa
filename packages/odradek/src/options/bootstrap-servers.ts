import { UsageError } from '../errors/errors.ts'

const USER_HINT = ' A user and a password go into the option "sasl".'

/** A user and a password before the host are never shown. */
function withoutUser(text: string): string {
  const [scheme = ''] = /^[a-zA-Z_]+:\/\//.exec(text) ?? []
  const at = text.lastIndexOf('@')
  return at < 0 ? text : `${scheme}[redacted]${text.slice(at)}`
}

export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Parses `host:port` lists; IPv6 addresses stand in brackets. */
export function parseBootstrapServers(given: string | readonly string[]): readonly ServerAddress[] {
  const list = typeof given === 'string' ? given.split(',') : given.flatMap((one) => one.split(','))
  const servers = list
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parseServer)
  if (servers.length === 0) throw new UsageError('The option "bootstrapServers" names no server.')
  return servers
}

function parseServer(text: string): ServerAddress {
  const match = /^(?:[a-zA-Z_]+:\/\/)?(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65_535) {
    throw new UsageError(
      `"${withoutUser(text)}" in the option "bootstrapServers" is not host:port (for instance ` +
        `localhost:9092).${text.includes('@') ? USER_HINT : ''}`,
    )
  }
  return { host: match[1] ?? match[2] ?? '', port }
}
