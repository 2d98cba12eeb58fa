/** Prints how many vectors there are, by API and version: `npm run vectors:count`. */
import { apiByKey, apis } from '@odradek/protocol'
import { readVectors } from './vector-files.ts'

interface Row {
  readonly versions: Set<number>
  bodies: number
  frames: number
}

const rows = new Map<number, Row>()
function rowOf(apiKey: number): Row {
  const row = rows.get(apiKey) ?? { versions: new Set(), bodies: 0, frames: 0 }
  rows.set(apiKey, row)
  return row
}

let blobs = 0
for (const { apiKey, version, direction } of readVectors('messages')) {
  if (direction === 'blob') {
    blobs++
    continue
  }
  const row = rowOf(apiKey)
  row.versions.add(version)
  row.bodies++
}
for (const { apiKey } of readVectors('frames')) rowOf(apiKey).frames++

const out: string[] = ['| key | API | versions | bodies | frames |', '|--:|---|---|--:|--:|']
const total = { versions: 0, bodies: 0, frames: 0, unknown: 0 }
for (const [apiKey, { versions, bodies, frames }] of [...rows].sort(([a], [b]) => a - b)) {
  const api = apiByKey(apiKey)
  if (api === undefined) {
    total.unknown += bodies + frames
    continue
  }
  total.versions += versions.size
  total.bodies += bodies
  total.frames += frames
  const range = `${Math.min(...versions)}-${Math.max(...versions)}`
  out.push(`| ${apiKey} | ${api.name} | ${range} | ${bodies} | ${frames} |`)
}
const batches = readVectors('batches')
const records = batches.flatMap((vector) => vector.batches).flatMap((batch) => batch.records)
out.push(
  '',
  `${Object.keys(apis).length} APIs in ${total.versions} versions: ${total.bodies} message bodies, ` +
    `${total.frames} whole frames (${total.unknown} more of APIs that are not Odradek's).`,
  `${blobs} blobs of group members, ${batches.length} sets of record batches with ` +
    `${records.length} records, ${readVectors('checksums').length} checksums and varints, ` +
    `${readVectors('errors').length} error codes, ` +
    `${readVectors('definitions').length} message definitions.`,
)
process.stdout.write(`${out.join('\n')}\n`)
