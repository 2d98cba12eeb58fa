import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, errorTraits, isKnownErrorCode } from '@odradek/protocol'
import { readVectors } from '../vectors/vector-files.ts'
import { ERROR_DIFFERENCES } from './differences.ts'

test("our table of errors is Kafka's, but for the differences that are listed", () => {
  const kafkas = readVectors('errors')
  const found: string[] = []
  const compare = (code: string, what: string, kafka: unknown, ours: unknown): void => {
    if (kafka === ours) return
    found.push(`${code}: ${what}: Kafka has ${String(kafka)}, Odradek ${String(ours)}`)
  }
  for (const { errorCode, code, retriable, classes } of kafkas) {
    if (!isKnownErrorCode(errorCode)) {
      found.push(`${code}: ${errorCode}: Odradek does not know it`)
      continue
    }
    const traits = errorTraits(errorCode)
    compare(code, 'name', code, traits.code)
    compare(code, 'number', errorCode, (ErrorCode as Record<string, number>)[code])
    compare(code, 'retriable', retriable, traits.retriable)
    compare(code, 'refresh', refreshOf(classes), traits.refresh)
  }
  const known = kafkas.map(({ code }) => code)
  for (const code of Object.keys(ErrorCode)) {
    if (!known.includes(code)) found.push(`${code}: Kafka does not know it`)
  }
  const unlisted = found.filter((one) => !(one in ERROR_DIFFERENCES))
  const gone = Object.keys(ERROR_DIFFERENCES).filter((one) => !found.includes(one))
  assert.deepEqual({ unlisted, gone }, { unlisted: [], gone: [] })
})

/** Java looks up the coordinator again for what is no error of metadata. */
function refreshOf(classes: readonly string[]): 'metadata' | 'coordinator' | null {
  if (classes.includes('InvalidMetadataException')) return 'metadata'
  return classes.includes('RefreshRetriableException') ? 'coordinator' : null
}
