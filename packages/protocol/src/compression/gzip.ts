import { gunzipSync, gzipSync } from 'node:zlib'
import { type Codec, guarded, tooLarge } from './codec.ts'

/** gzip, by Node itself. */
export const gzip: Codec = {
  encode: (bytes, level) => gzipSync(bytes, level === undefined ? {} : { level }),
  decode: (bytes, maxBytes) =>
    guarded('gzip', () => {
      try {
        return gunzipSync(bytes, { maxOutputLength: maxBytes })
      } catch (error) {
        if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
          throw tooLarge('gzip', maxBytes)
        }
        throw error
      }
    }),
}
