/** The native checksum, if its prebuilt binary exists for this platform; loaded at first use. */
import { createRequire } from 'node:module'
import { here } from '../here.ts'

// By another name: webpack warns of each call of `createRequire` whose argument it cannot evaluate.
const requireFrom = createRequire

type Checksum = (bytes: Uint8Array) => number

function load(): Checksum | undefined {
  try {
    const library = requireFrom(here)('@node-rs/crc32') as {
      readonly crc32c: Checksum
    }
    return library.crc32c
  } catch {
    return undefined
  }
}

let native: Checksum | undefined
let isLoaded = false

export function nativeCrc32c(): Checksum | undefined {
  if (!isLoaded) {
    native = load()
    isLoaded = true
  }
  return native
}
