/** `npm run simulate`: see `usage` in `command/arguments.ts`, or `--help`. */
import { type Command, CommandError, readArguments, usage } from './command/arguments.ts'
import { runSeeds } from './command/run-seeds.ts'
import { describe } from './history/observe-cluster.ts'

const print = (line: string): void => void process.stdout.write(`${line}\n`)

function read(): Command | undefined {
  try {
    return readArguments(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}

/** Of a seed's time a good part went into small buffers, and into stacks that nobody prints. */
function spareTheCollector(isTraced: boolean): void {
  Buffer.poolSize = POOL_BYTES
  if (!isTraced) Error.stackTraceLimit = 0
}

const POOL_BYTES = 1024 * 1024

/** Copies of the client, and processes that run them, are outside of the world. */
const MUTATION_TOOL = new URL('../../scripts/mutations.js', import.meta.url)

if (process.argv.includes('--mutations')) await import(MUTATION_TOOL.href)
else await simulateSeeds()

async function simulateSeeds(): Promise<void> {
  const command = read()
  if (command === undefined) process.exitCode = 2
  else if (command.isHelp) print(usage())
  else {
    spareTheCollector(command.isTraced)
    const strays: string[] = []
    process.setUncaughtExceptionCaptureCallback((error) => void strays.push(describe(error)))
    const failed = await runSeeds(command, print, { take: () => strays.splice(0) })
    process.exitCode = failed > 0 ? 1 : 0
  }
}
