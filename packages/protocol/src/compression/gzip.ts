import { gunzipSync, gzipSync } from 'node:zlib'
import { type Codec, limited } from './codec.ts'

/** gzip, by Node itself. */
export const gzip: Codec = {
  encode: (bytes, level) => gzipSync(bytes, level === undefined ? {} : { level }),
  decode: (bytes, maxBytes) => limited('gzip', maxBytes, (options) => gunzipSync(bytes, options)),
}
