/** Where things are. This file is compiled to `benchmarks/dist/folders.js`. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const BENCHMARKS = join(dirname(fileURLToPath(import.meta.url)), '..')
export const PEERS = join(BENCHMARKS, 'peers')
/** Out of git, kept between runs. */
export const CACHE = join(BENCHMARKS, '..', '.cache', 'benchmarks')
