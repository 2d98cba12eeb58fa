// The other runtimes that the published packages are tried on, fetched as `nodes.js` fetches Nodes:
// the platform packages carry the programs, and need no install script.
//
//   node scripts/runtimes.js [bun] [deno]     prints "NAME PATH" a line
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetched } from './nodes.js'
import { root } from './pack.js'

const PLATFORM = `${process.platform}-${process.arch}`
const RUNTIMES = {
  bun: {
    version: '1.4.5',
    program: join('bin', 'bun'),
    packages: {
      // The one for processors without AVX2, too.
      'linux-x64': '@oven/bun-linux-x64-baseline',
      'linux-arm64': '@oven/bun-linux-aarch64',
      'darwin-arm64': '@oven/bun-darwin-aarch64',
    },
  },
  deno: {
    version: '2.9.6',
    program: 'deno',
    packages: {
      'linux-x64': '@deno/linux-x64-glibc',
      'linux-arm64': '@deno/linux-arm64-glibc',
      'darwin-arm64': '@deno/darwin-arm64',
    },
  },
}

/** The path of a runtime. */
export function runtime(name) {
  const { version, program, packages } = RUNTIMES[name]
  const packageName = packages[PLATFORM]
  if (packageName === undefined) throw new Error(`No ${name} is known for ${PLATFORM}.`)
  const to = join(root, '.cache', name)
  return fetched({ what: name, packageName, version, program, to })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2)
  for (const name of asked.length > 0 ? asked : Object.keys(RUNTIMES)) {
    process.stdout.write(`${name} ${runtime(name)}\n`)
  }
}
