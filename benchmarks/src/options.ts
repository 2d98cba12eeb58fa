/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'
import { CLIENTS, type Client } from './clients.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { MAX_RECORDS } from './worker/values.ts'

export interface BenchOptions {
  readonly scenarios: readonly Scenario[]
  readonly clients: readonly Client[]
  readonly records: number
  readonly runs: number
  /** A major version, or the path of a binary. */
  readonly node: string
  readonly bootstrapServers: string | undefined
  readonly json: string | undefined
  readonly timeoutMs: number
}

export class CommandLineError extends Error {}

export const HELP = `npm run bench -- [options]

  --scenario LIST            ${SCENARIOS.map(({ id }) => id).join(', ')}, or all
                             (default: ${defaults()
                               .map(({ id }) => id)
                               .join(', ')})
  --clients LIST             ${CLIENTS.map(({ id }) => id).join(', ')} (default: all of them)
  --records N                records of one measurement (default 1000000)
  --runs N                   measurements of each client, interleaved (default 3)
  --node VERSION|PATH        the Node for the Node clients: 20, 22, 24, 26 or a binary (default 24)
  --bootstrap-servers LIST   an existing cluster (default: starts Apache Kafka 4.4.0 itself)
  --json FILE                every measurement, for machines
  --timeout SECONDS          of one measurement (default 300)
`

function defaults(): readonly Scenario[] {
  return SCENARIOS.filter(({ isDefault }) => isDefault)
}

/** The options, or `help`. */
export function parseCommandLine(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = readArguments(argv)
  if (values.help === true) return 'help'
  const scenario = values.scenario?.join(',')
  return {
    scenarios:
      scenario === undefined
        ? defaults()
        : scenario === 'all'
          ? SCENARIOS
          : choose('scenario', SCENARIOS, scenario),
    clients: values.clients === undefined ? CLIENTS : choose('client', CLIENTS, values.clients),
    records: wholeNumber('--records', values.records ?? '1000000', MAX_RECORDS),
    runs: wholeNumber('--runs', values.runs ?? '3', 1000),
    node: values.node ?? '24',
    bootstrapServers: values['bootstrap-servers'],
    json: values.json,
    timeoutMs: 1000 * wholeNumber('--timeout', values.timeout ?? '300', 86_400),
  }
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        scenario: { type: 'string', multiple: true },
        clients: { type: 'string' },
        records: { type: 'string' },
        runs: { type: 'string' },
        node: { type: 'string' },
        'bootstrap-servers': { type: 'string' },
        json: { type: 'string' },
        timeout: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new CommandLineError(error instanceof Error ? error.message : String(error))
  }
}

function choose<T extends { readonly id: string }>(
  what: string,
  all: readonly T[],
  list: string,
): readonly T[] {
  const names = list.split(',')
  for (const name of names) {
    if (!all.some(({ id }) => id === name)) {
      const known = all.map(({ id }) => id).join(', ')
      throw new CommandLineError(`There is no ${what} "${name}"; there are ${known}.`)
    }
  }
  return all.filter(({ id }) => names.includes(id))
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text.replaceAll('_', ''))
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new CommandLineError(`${name} takes a whole number from 1 to ${max}; it is "${text}".`)
}
