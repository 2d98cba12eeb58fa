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

const command = read()
if (command === undefined) process.exitCode = 2
else if (command.isHelp) print(usage())
else {
  const strays: string[] = []
  process.setUncaughtExceptionCaptureCallback((error) => void strays.push(describe(error)))
  const failed = await runSeeds(command, print, { take: () => strays.splice(0) })
  process.exitCode = failed > 0 ? 1 : 0
}
