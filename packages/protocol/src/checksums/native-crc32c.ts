/** The native checksum, if its prebuilt binary exists for this platform. */
import { createRequire } from 'node:module'
import { here } from '../here.ts'

function load(): ((bytes: Uint8Array) => number) | undefined {
  try {
    const native = createRequire(here)('@node-rs/crc32') as {
      readonly crc32c: (bytes: Uint8Array) => number
    }
    return native.crc32c
  } catch {
    return undefined
  }
}

export const nativeCrc32c = load()
